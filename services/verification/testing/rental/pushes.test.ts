/** Messages to rented numbers that providers push: at once, once, and nobody else's. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { createHandlerApiPush, createHandlerApiRentalPush } from '../../adapters/handler-api/push.ts';
import { createTextVerifiedPush } from '../../adapters/text-verified/push.ts';
import { readOrphan, rentalOrphansOf } from '../../app/deliver-orphans.ts';
import type { Push } from '../../app/ports.ts';
import { receivePush } from '../../app/receive-push.ts';
import { createRental } from '../../app/rental/create-rental.ts';
import type { RentalPorts, RentalProvider } from '../../app/rental/ports.ts';
import { listRentalMessages } from '../../app/rental/read-rentals.ts';
import { receiveRentalMessage } from '../../app/rental/rental-messages.ts';
import { releaseRental } from '../../app/rental/release-rental.ts';
import { createVerification } from '../../app/create-verification.ts';
import { type Harness, openHarness, pushSecret } from '../harness.ts';
import { createFakeRentals, providersOf } from './fake-rentals.ts';
import { openRentalWorld, type RentalWorld } from './rental-world.ts';

const webhookSecret = 'webhook-secret-of-textverified';
type AnyPush = Push & { readonly provider: string };

describe('pushes of messages to rented numbers', () => {
  let house: Awaited<ReturnType<typeof openRentalWorld>>;
  let here: Harness;
  let world: RentalWorld;
  let ports: RentalPorts;
  let receive: (push: AnyPush) => Promise<void>;
  before(async () => {
    here = await openHarness();
    house = await openRentalWorld(undefined, here);
  });
  after(async () => {
    await house?.close();
    await here?.close();
  });
  beforeEach(async () => {
    world = await house.fresh();
    await here.db.query('truncate orphan_pushes');
    ports = {
      ...world.ports,
      parked: async (provider, id) => {
        const waiting = [provider, rentalOrphansOf(provider)].map((from) => here.ports.store.orphansOf(from, id));
        const messages = (await Promise.all(waiting)).flat().map((orphan) => readOrphan(here.ports, orphan));
        return (await Promise.all(messages)).filter((message) => message !== undefined);
      },
    };
    const readers = [
      createHandlerApiPush({ secret: pushSecret }),
      createHandlerApiRentalPush({ secret: pushSecret }),
      createTextVerifiedPush({ secret: pushSecret, webhookSecret }),
    ];
    receive = receivePush({
      ...here.ports,
      providers: { ...here.ports.providers, pushReader: (wanted) => readers.find(({ address }) => address === wanted) },
      rentals: { receive: receiveRentalMessage(ports) },
    });
  });

  const family = (rentId: string, over: object = {}, secret = pushSecret): AnyPush => ({
    ...{ provider: 'handler-api-rentals', secret, headers: {} },
    body: Buffer.from(
      JSON.stringify({ rentId, phoneFrom: 'Telegram', text: 'Your code is 48151', date: world.clock.now().toISOString(), ...over }),
    ),
  });
  const signed = (reservationId: string, over: object = {}, key = webhookSecret): AnyPush => {
    const data = { from: 'Telegram', smsContent: 'Your code is 48151', createdAt: world.clock.now().toISOString(), reservationId, ...over };
    const body = Buffer.from(JSON.stringify({ id: 'evt-1', event: 'v2.sms.received', attempt: 1, data }));
    const signature = `HMAC-SHA512=${createHmac('sha512', key).update(body).digest('base64')}`;
    return { provider: 'textverified', secret: pushSecret, headers: { 'x-webhook-signature': signature }, body };
  };
  const textsOf = async (id: string): Promise<string[]> => {
    const { messages } = await listRentalMessages(ports)({ tenantId: world.tenantId, id, before: undefined, limit: 100 });
    return messages.map(({ text }) => text);
  };
  const refusedWith = (code: ErrorCode) => (error: unknown) => isAppError(error, code) || assert.fail(String(error));
  const orphans = async (): Promise<number> =>
    Number((await here.db.query<{ count: bigint }>('select count(*) from orphan_pushes'))[0]?.count);
  const idOf = (rental: { readonly providerRentalId: string | null }): string => rental.providerRentalId ?? assert.fail();

  it('is there at once, told once, and the same one by poll, by push again and with other fractions of a second', async () => {
    const rental = await world.rent();
    world.clock.advance(minuteMs);
    const at = new Date(Math.floor(world.clock.now().getTime() / 1_000) * 1_000);
    const push = family(idOf(rental), { date: new Date(at.getTime() + 400).toISOString() });
    await receive(push);
    assert.deepEqual(await textsOf(rental.id), ['Your code is 48151']);
    await receive(push);
    for (const receivedAt of [at, new Date(at.getTime() + secondMs)])
      world.fake.rented[0]?.messages.push({ text: 'Your code is 48151', sender: 'Telegram', receivedAt });
    await world.pass(2 * minuteMs);
    assert.deepEqual(await textsOf(rental.id), ['Your code is 48151']);
    assert.deepEqual(await world.events(), ['started', 'message-received']);
    // The same words later on are another message.
    world.clock.advance(minuteMs);
    await receive(family(idOf(rental)));
    assert.equal((await textsOf(rental.id)).length, 2);
    const [stored] = await here.db.query<{ sealed: Buffer }>('select sealed from rental_messages');
    assert.ok(!stored?.sealed.toString('latin1').includes('48151'));
  });

  it('push and poll at one moment, by two processes: one message', async () => {
    for (let race = 0; race < 15; race++) {
      const rental = await world.rent();
      const row = world.fake.rented.at(-1);
      const at = Math.floor(world.clock.now().getTime() / 1_000) * 1_000;
      row?.messages.push({ text: 'Your code is 48151', sender: 'Telegram', receivedAt: new Date(at) });
      await Promise.all([
        receive(family(idOf(rental), { date: new Date(at + 300).toISOString() })),
        receive(family(idOf(rental), { date: new Date(at + 900).toISOString() })),
        world.pass(2 * minuteMs),
      ]);
      await world.pass(2 * minuteMs);
      assert.equal((await textsOf(rental.id)).length, 1, `race ${race}`);
    }
  });

  it('that comes before the rental is written down waits sealed, and is there when it is', async () => {
    const early: RentalProvider['rent'] = async (wanted) => {
      const outcome = await world.fake.provider.rent(wanted);
      if (outcome.kind === 'granted') await receive(family(outcome.providerRentalId));
      return outcome;
    };
    const eager = { ...ports, providers: providersOf({ provider: { ...world.fake.provider, rent: early } }) };
    const request = { tenantId: world.tenantId, idempotencyKey: 'early', service: 'telegram', country: 'ID', duration: '1d' };
    const rental = await createRental(eager)({ ...request, autoRenew: false, maxPrice: undefined });
    assert.deepEqual(await textsOf(rental.id), ['Your code is 48151']);
    assert.equal(world.fake.calls.messages, 0, 'nobody had to ask');
    const [waiting] = await here.db.query<{ sealed: Buffer }>('select sealed from orphan_pushes');
    assert.ok(waiting && !waiting.sealed.toString('latin1').includes('48151'));
  });

  it('about what nobody knows is kept for a day and reaches nobody; an activation of the same number is another thing', async () => {
    await receive(family('424242'));
    assert.equal(await orphans(), 1);
    const view = await createVerification(here.ports)(here.request());
    const { id } = here.provider.rented.at(-1) ?? assert.fail();
    await receive(family(id));
    assert.equal(await orphans(), 2);
    await here.pass(secondMs);
    const [row] = await here.db.query<{ state: string }>('select state from verifications where id = $1', [view.id]);
    assert.equal(row?.state, 'waiting');
    await here.pass(25 * hourMs);
    assert.equal(await orphans(), 0);
  });

  it('without a time is a reason to look at once: it cannot be told from the same one in the list', async () => {
    const rental = await world.rent();
    await world.pass(0);
    const row = world.fake.rented[0] ?? assert.fail();
    row.messages.push({ text: 'Your code is 48151', sender: 'Telegram', receivedAt: world.clock.now() });
    await receive(family(idOf(rental), { date: null }));
    assert.deepEqual(await textsOf(rental.id), []);
    await world.pass(0);
    assert.deepEqual(await textsOf(rental.id), ['Your code is 48151']);
  });

  it("for a rental that has been given back is nobody's", async () => {
    const rental = await world.rent();
    await releaseRental(ports)({ tenantId: world.tenantId, id: rental.id });
    await receive(family(idOf(rental)));
    assert.deepEqual(await textsOf(rental.id), []);
    assert.equal(await orphans(), 0);
  });

  it('is refused without the secret, without sense, and at an address that is none', async () => {
    const rental = await world.rent();
    const id = idOf(rental);
    await assert.rejects(receive(family(id, {}, 'another-secret-of-nobody')), refusedWith('auth.unauthenticated'));
    await assert.rejects(receive({ ...family(id), provider: 'nobody' }), refusedWith('request.not_found'));
    const broken = [
      { text: '' },
      { text: null },
      { rentId: '../x' },
      { rentId: undefined },
      { rentId: 'x'.repeat(65) },
      { text: 'x'.repeat(5_000) },
    ];
    for (const over of broken) await assert.rejects(receive(family(id, over)), refusedWith('request.malformed'));
    for (const body of ['', '[]', '{', 'x'.repeat(70_000)])
      await assert.rejects(receive({ ...family(id), body: Buffer.from(body) }), refusedWith('request.malformed'));
    assert.deepEqual([await textsOf(rental.id), await orphans()], [[], 0]);
  });

  it("TextVerified's webhook reaches rentals by the id of their reservation, when it is signed", async () => {
    const fake = createFakeRentals(world.clock, 'textverified');
    ports = { ...ports, providers: providersOf(fake) };
    const request = { tenantId: world.tenantId, idempotencyKey: 'tv', service: 'telegram', country: 'ID', duration: '1d' };
    const rental = await createRental(ports)({ ...request, autoRenew: false, maxPrice: undefined });
    assert.equal(rental.provider, 'textverified');
    await assert.rejects(receive(signed(idOf(rental), {}, 'not-the-secret')), refusedWith('auth.unauthenticated'));
    await receive(signed(idOf(rental)));
    await receive(signed(idOf(rental)));
    assert.deepEqual(await textsOf(rental.id), ['Your code is 48151']);
    // Of the other provider a rental of the same id is another one.
    await receive(family(idOf(rental)));
    assert.deepEqual(await textsOf(rental.id), ['Your code is 48151']);
    await receive(signed('lr_unknown'));
    assert.equal(await orphans(), 2);
  });
});
