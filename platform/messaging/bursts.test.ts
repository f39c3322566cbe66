import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { headers } from '@nats-io/transport-node';
import { newId } from '#platform/ids/index.ts';
import { silentLog } from '#platform/logging/index.ts';
import { createTestNats, type TestNats } from '#platform/testing/index.ts';
import { pullInBursts, type Bursts } from './bursts.ts';
import { openBus, type Bus } from './bus.ts';
import type { Delivery } from './delivery.ts';

const subject = 'namaskah.auth.v1.tenant.registered';
const textOf = (message: Delivery): string => Buffer.from(message.data).toString();

describe('bursts', () => {
  let nats: TestNats;
  let bus: Bus;
  let bursts: Bursts | undefined;
  before(async () => {
    nats = await createTestNats();
    bus = await openBus({ url: nats.url, name: 'bursts-test' });
  });
  after(async () => {
    await bursts?.close();
    await bus?.close();
    await nats?.close();
  });
  const publish = async (from: number, to: number): Promise<void> => {
    for (let number = from; number <= to; number++) await bus.jetstream.publish(subject, String(number), { msgID: newId() });
  };
  const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, at) => String(from + at));
  /** Takes and acknowledges until so many have come. @returns the bursts */
  const takeAll = async (count: number): Promise<string[][]> => {
    const taken: string[][] = [];
    while (taken.flat().length < count) {
      const burst = await bursts!.next();
      for (const message of burst) message.ack();
      taken.push(burst.map(textOf));
    }
    return taken;
  };

  it('hands over what is there in one go, a full burst without a pause, and in order', async () => {
    await publish(1, 25);
    // With a pause of a minute, a pause after a full burst would not be overlooked.
    bursts = pullInBursts({ bus, durable: 'analytics-auth', maxBurst: 10, pauseMs: 60_000, logger: silentLog });
    const taken = await takeAll(25);
    assert.deepEqual(
      taken.map(({ length }) => length),
      [10, 10, 5],
    );
    assert.deepEqual(taken.flat(), numbers(1, 25));
    assert.deepEqual(await bursts.close(), []);
  });

  it('hands over a message alone at once, and those that come in the pause together', async () => {
    bursts = pullInBursts({ bus, durable: 'analytics-auth', maxBurst: 100, pauseMs: 1_500, logger: silentLog });
    const first = bursts.next();
    await publish(26, 26);
    assert.deepEqual((await first).map(textOf), ['26']);
    for (const message of await first) message.ack();
    await publish(27, 46);
    assert.deepEqual(await takeAll(20), [numbers(27, 46)]);
    await bursts.close();
  });

  it('goes on when too many deliveries wait for their acknowledgement for the server to end a burst', async () => {
    const manager = await bus.manager();
    const { config } = await manager.consumers.info('AUTH', 'analytics-auth');
    await manager.consumers.update('AUTH', 'analytics-auth', { ...config, max_ack_pending: 3 });
    await publish(47, 56);
    bursts = pullInBursts({ bus, durable: 'analytics-auth', maxBurst: 8, pauseMs: 0, logger: silentLog });
    const taken = await takeAll(10);
    assert.deepEqual(taken.flat(), numbers(47, 56));
    assert.ok(taken.every(({ length }) => length <= 8));
    await bursts.close();
    await manager.consumers.update('AUTH', 'analytics-auth', { ...config });
  });

  it('two that share a consumer get every message once between them, and what is given back comes again', async () => {
    const pulls = [1, 2].map(() => pullInBursts({ bus, durable: 'analytics-auth', maxBurst: 5, pauseMs: 5, logger: silentLog }));
    const seen: string[] = [];
    const refused = new Set<string>();
    const reading = pulls.map(async (pull) => {
      for (let burst = await pull.next(); burst.length > 0; burst = await pull.next())
        for (const message of burst) {
          const text = textOf(message);
          if (text === '60' && !refused.has(text)) {
            assert.equal(message.info.deliveryCount, 1);
            refused.add(text);
            message.nak(1);
            continue;
          }
          if (text === '60') assert.equal(message.info.deliveryCount, 2);
          seen.push(text);
          message.ack();
        }
    });
    await publish(57, 96);
    while (seen.length < 40) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const pull of pulls) for (const message of await pull.close()) message.nak();
    await Promise.all(reading);
    assert.deepEqual(
      seen.toSorted((a, b) => Number(a) - Number(b)),
      numbers(57, 96),
    );
  });

  it('reads headers as the client does', async () => {
    const given = headers();
    for (const [name, value] of [
      ['ce-id', 'an id'],
      ['ce-subject', 'Zürich: 1'],
      ['empty', ''],
    ] as const)
      given.set(name, value);
    await bus.jetstream.publish(subject, '', { headers: given });
    await publish(97, 97);
    bursts = pullInBursts({ bus, durable: 'analytics-auth', maxBurst: 5, pauseMs: 0, logger: silentLog });
    const taken: Delivery[] = [];
    while (taken.length < 2) taken.push(...(await bursts.next()));
    for (const message of taken) message.ack();
    for (const name of ['ce-id', 'ce-subject', 'empty', 'subject', 'id', 'Nats-Msg-Id', 'none'])
      for (const message of taken) assert.equal(message.header(name), message.headers?.get(name) ?? '', name);
    assert.equal(taken[0]!.header('ce-subject'), 'Zürich: 1');
    await bursts.close();
  });
});
