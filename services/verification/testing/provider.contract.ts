import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import type { AcquireOutcome, NumberProvider } from '../app/ports.ts';
import { testCatalogue } from './harness.ts';

/** What a contract needs to move the world behind a provider. */
export interface ProviderWorld {
  /** False: the protocol takes no key with a purchase, so that only the list can tell what a lost one did. */
  readonly takesOrderKey?: boolean;
  readonly provider: NumberProvider;
  now(): Date;
  deliver(activationId: string, text: string, code: string): Promise<void>;
  /** The next purchase finds nothing. */
  runOut(): Promise<void>;
  /** The next answer to this operation gets lost; `after`: what was asked for happens. */
  lose(operation: 'acquire' | 'cancel' | 'status' | 'requestAnother' | 'listActive', how: 'before' | 'after'): Promise<void>;
  /** From now on nothing may be cancelled in its first minute; false: always. */
  earlyCancel(on: boolean): Promise<void>;
}

/** What every implementation of `NumberProvider` keeps. */
export const providerContract = (name: string, open: () => Promise<ProviderWorld>, countryCode = 'ID'): void => {
  describe(`provider contract: ${name}`, () => {
    const service = testCatalogue.service('telegram') ?? assert.fail();
    const country = testCatalogue.country(countryCode) ?? assert.fail();
    const order = (orderId = newId()) => ({ orderId, service, country, maxPrice: money('USD', 900_000n) });
    const grantedBy = (outcome: AcquireOutcome) =>
      outcome.kind === 'granted'
        ? outcome
        : assert.fail(JSON.stringify(outcome, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
    const buy = async (world: ProviderWorld, orderId?: string) => grantedBy(await world.provider.acquire(order(orderId)));
    const listed = async (world: ProviderWorld) => {
      const outcome = await world.provider.listActive(addMs(world.now(), -minuteMs));
      return outcome.kind === 'listed' ? outcome.activations : assert.fail(outcome.detail);
    };

    it('grants a number in E.164 with its cost and end', async () => {
      const world = await open();
      const grant = await buy(world);
      assert.match(grant.phoneNumber, /^\+[1-9]\d{6,14}$/);
      assert.ok(grant.costMicros > 0n);
      assert.ok(grant.expiresAt && grant.expiresAt > world.now());
      assert.deepEqual(await world.provider.status(grant.activationId), { kind: 'waiting' });
    });

    it('refuses with a reason', async () => {
      const world = await open();
      await world.runOut();
      const outcome = await world.provider.acquire(order());
      assert.deepEqual([outcome.kind, outcome.kind === 'refused' && outcome.reason], ['refused', 'no_numbers']);
    });

    it('makes one activation of one purchase, and never repeats a purchase by itself', async () => {
      const world = await open();
      const orderId = newId();
      const grant = await buy(world, orderId);
      if (world.takesOrderKey !== false) {
        const again = await world.provider.acquire(order(orderId));
        assert.ok(again.kind === 'unknown' || (again.kind === 'granted' && again.activationId === grant.activationId));
      }
      const mine = (await listed(world)).filter((row) => row.activationId === grant.activationId);
      assert.equal(mine.length, 1);
    });

    it('says "unknown" when the answer is lost, and the list tells what happened', async () => {
      const world = await open();
      const before = (await listed(world)).map((row) => row.activationId);
      await world.lose('acquire', 'after');
      assert.equal((await world.provider.acquire(order())).kind, 'unknown');
      const bought = (await listed(world)).filter((row) => !before.includes(row.activationId));
      assert.equal(bought.length, 1);
      const [row] = bought;
      assert.deepEqual([row?.service, row?.country], ['telegram', countryCode]);
      assert.ok(row?.startedAt && Math.abs(row.startedAt.getTime() - world.now().getTime()) < 5_000);
      await world.lose('acquire', 'before');
      assert.equal((await world.provider.acquire(order())).kind, 'unknown');
      assert.equal((await listed(world)).length, before.length + 1);
    });

    it('shows a code with its text', async () => {
      const world = await open();
      const { activationId } = await buy(world);
      await world.deliver(activationId, 'Your code is 482913', '482913');
      const status = await world.provider.status(activationId);
      assert.equal(status.kind === 'code' && status.message.text, 'Your code is 482913');
      assert.equal(status.kind === 'code' && status.message.code, '482913');
      assert.equal((await world.provider.finish(activationId)).kind, 'done');
      assert.equal((await world.provider.finish(activationId)).kind, 'done', 'finishing twice is no error');
    });

    it('cancels once and stays cancelled', async () => {
      const world = await open();
      const { activationId } = await buy(world);
      assert.deepEqual(await world.provider.cancel(activationId), { kind: 'cancelled' });
      assert.deepEqual(await world.provider.cancel(activationId), { kind: 'cancelled' });
      assert.deepEqual(await world.provider.status(activationId), { kind: 'cancelled' });
      assert.ok((await listed(world)).every((row) => row.activationId !== activationId));
    });

    it('does not cancel what has a code', async () => {
      const world = await open();
      const { activationId } = await buy(world);
      await world.deliver(activationId, 'code 7711', '7711');
      assert.equal((await world.provider.cancel(activationId)).kind, 'code');
    });

    it('does not cancel too early, if it says so', async () => {
      const world = await open();
      await world.earlyCancel(true);
      const { activationId } = await buy(world);
      assert.equal((await world.provider.cancel(activationId)).kind, 'early');
      assert.deepEqual(await world.provider.status(activationId), { kind: 'waiting' });
      await world.earlyCancel(false);
    });

    it('keeps a number for another message, however often it is asked', async () => {
      const world = await open();
      const { activationId } = await buy(world);
      await world.deliver(activationId, 'Your code is 482913', '482913');
      const asked = await world.provider.requestAnother(activationId);
      assert.ok(asked.kind === 'asked', JSON.stringify(asked));
      const again = await world.provider.requestAnother(activationId);
      assert.ok(again.kind === 'asked', JSON.stringify(again));
      assert.equal(again.activationId, asked.activationId);
      const next = asked.activationId ?? activationId;
      const between = await world.provider.status(next);
      assert.ok(between.kind === 'waiting' || (between.kind === 'code' && between.message.code === '482913'), JSON.stringify(between));
      await world.deliver(next, 'Your code is 775501', '775501');
      const status = await world.provider.status(next);
      assert.equal(status.kind === 'code' && status.message.code, '775501');
    });

    it('gives no other message on what has had none, has ended or is not ours', async () => {
      const world = await open();
      const { activationId } = await buy(world);
      assert.deepEqual(await world.provider.cancel(activationId), { kind: 'cancelled' });
      assert.equal((await world.provider.requestAnother(activationId)).kind, 'refused');
      assert.equal((await world.provider.requestAnother('987654321')).kind, 'refused');
    });

    it('a lost answer to the request for another message is unknown, and asking again buys nothing twice', async () => {
      const world = await open();
      const { activationId } = await buy(world);
      await world.deliver(activationId, 'Your code is 482913', '482913');
      const before = (await listed(world)).length;
      await world.lose('requestAnother', 'after');
      assert.equal((await world.provider.requestAnother(activationId)).kind, 'unknown');
      assert.equal((await world.provider.requestAnother(activationId)).kind, 'asked');
      assert.equal((await listed(world)).length, before);
    });

    it('takes a reported number back, unless it has a code', async () => {
      const world = await open();
      const bad = await buy(world);
      assert.deepEqual(await world.provider.report(bad.activationId), { kind: 'cancelled' });
      assert.deepEqual(await world.provider.status(bad.activationId), { kind: 'cancelled' });
      const good = await buy(world);
      await world.deliver(good.activationId, 'code 7711', '7711');
      assert.equal((await world.provider.report(good.activationId)).kind, 'code');
      assert.deepEqual(await world.provider.report('987654321'), { kind: 'absent' });
    });

    it('lost answers to cancel, status and list are unknown, and asking again is safe', async () => {
      const world = await open();
      const { activationId } = await buy(world);
      await world.lose('status', 'before');
      assert.equal((await world.provider.status(activationId)).kind, 'unknown');
      await world.lose('listActive', 'before');
      assert.equal((await world.provider.listActive(world.now())).kind, 'unknown');
      await world.lose('cancel', 'after');
      assert.equal((await world.provider.cancel(activationId)).kind, 'unknown');
      assert.deepEqual(await world.provider.status(activationId), { kind: 'cancelled' });
    });

    it('knows nothing of what is not ours', async () => {
      const world = await open();
      assert.deepEqual(await world.provider.status('987654321'), { kind: 'absent' });
      assert.deepEqual(await world.provider.cancel('987654321'), { kind: 'absent' });
    });
  });
};
