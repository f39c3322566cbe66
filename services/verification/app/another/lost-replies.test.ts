/**
 * Another code, a report and a retry, each with one reply of billing, of the provider or of the database lost, before or after it took effect; and
 * a caller who repeats the request, sends it twice at once, or never comes back. Whatever is lost: one effect, holds settled at most
 * once, no second number, nothing waits for ever.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { isFinal, type State } from '../../domain/state.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { createVerification } from '../create-verification.ts';
import type { Ports } from '../ports.ts';
import { receivePush } from '../receive-push.ts';
import { reportNumber } from '../report/report-number.ts';
import { retryVerification } from '../retry/retry-verification.ts';
import { houseKeep, workDue } from '../work-due.ts';
import { requestAnother } from './request-another.ts';

type How = 'before' | 'after';
const hows: readonly How[] = ['before', 'after'];
/** repeated: until it is answered. twice: two at once, and repeated. silent: asked once, whatever comes of it. */
const styles = ['repeated', 'twice', 'silent'] as const;
type Style = (typeof styles)[number];

let h: Harness;
let usual: Ports;
before(async () => {
  h = await openHarness();
  usual = { ...h.ports, timing: { ...h.ports.timing, finishDelayMs: 5 * minuteMs } };
});
after(() => h?.close());

/** The database's next answer to a change is lost. */
const forgetfulStore = (how: How): Ports => {
  let spoilt = false;
  return {
    ...usual,
    store: {
      ...usual.store,
      save: async (...change) => {
        if (spoilt) return usual.store.save(...change);
        spoilt = true;
        if (how === 'after') await usual.store.save(...change);
        throw new Error('the connection to the database was lost');
      },
    },
  };
};

/** What loses its reply, and the ports under which it does. */
const losses = {
  'the hold': (how: How) => {
    h.ledger.spoil(how);
    return usual;
  },
  // As often as a purchase asks by itself.
  'every hold': (how: How) => {
    for (let count = 0; count < 3; count++) h.ledger.spoil(how);
    return usual;
  },
  'the purchase': (how: How) => {
    h.provider.spoil('acquire', how);
    return usual;
  },
  'the request for another': (how: How) => {
    h.provider.spoil('requestAnother', how);
    return usual;
  },
  'the report': (how: How) => {
    h.provider.spoil('report', how);
    return usual;
  },
  'the cancellation': (how: How) => {
    h.provider.spoil('cancel', how);
    return usual;
  },
  'the write': forgetfulStore,
} as const satisfies Readonly<Record<string, (how: How) => Ports>>;
type Loss = keyof typeof losses;

const pass = async (ms: number): Promise<void> => {
  h.clock.advance(ms);
  for (let turn = 0; turn < 50; turn++) if ((await workDue(usual)({ limit: 100, leaseMs: 45_000 })) === 0) break;
  await houseKeep(usual)();
};
const beyondTheEnd = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await pass(6 * secondMs);
  for (let turn = 0; turn < 8; turn++) await pass(5 * minuteMs);
};

/** @returns the answers that came; at least one, unless the caller asks once only */
const ask = async <T>(style: Style, spoilt: Ports, request: (ports: Ports) => Promise<T>): Promise<readonly T[]> => {
  const first = await Promise.allSettled([request(spoilt), ...(style === 'twice' ? [request(spoilt)] : [])]);
  const answers = first.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  h.provider.heal();
  return style === 'silent' ? answers : [...answers, await request(usual)];
};

interface Books {
  readonly captured: readonly string[];
  readonly released: readonly string[];
}

/** What billing makes of the events of these verifications. */
const booksOf = async (...ids: readonly string[]): Promise<Books> => {
  const captured: string[] = [];
  const released: string[] = [];
  for (const id of ids) {
    const [subjects, payloads] = [await h.events(id), await h.payloads(id)];
    for (const [index, subject] of subjects.entries()) {
      const holdId = String(payloads[index]?.['holdId'] ?? '');
      if (holdId === '') continue;
      if (subject === 'code-received') captured.push(holdId);
      if (['cancelled', 'expired', 'failed', 'another-code-ended'].includes(subject)) released.push(holdId);
    }
  }
  const closed = [...captured, ...released];
  assert.equal(new Set(closed).size, closed.length, 'every hold is settled at most once');
  return { captured, released };
};
const holdOf = (key: string): string | undefined => h.ledger.holds.get(key)?.holdId;
const rowsOf = (tenantId: string) =>
  h.db.query<{ id: string; state: State; retry_of: string | null; activation_id: string | null }>(
    'select id, state, retry_of, activation_id from verifications where tenant_id = $1 order by id',
    [tenantId],
  );

const cases = (what: readonly Loss[], test: (loss: Loss, how: How, style: Style) => Promise<void>): void => {
  for (const loss of what)
    for (const how of hows)
      for (const style of styles)
        it(`${loss}, lost ${how} it took effect; the caller: ${style}`, async () => {
          // What one case leaves to be spoilt, the next does not meet.
          h.provider.heal();
          await test(loss, how, style);
        });
};

const buy = async () => {
  const tenantId = newId();
  const { id } = await createVerification(usual)(h.request({ tenantId, service: 'whatsapp' }));
  return { tenantId, id, activationId: h.provider.rented.find(({ orderId }) => orderId === id)?.id ?? assert.fail('not rented') };
};

describe('another code, when a reply is lost', () => {
  cases(['the hold', 'the request for another', 'the write'], async (loss, how, style) => {
    const { tenantId, id, activationId } = await buy();
    const code = async (digits: string): Promise<void> => {
      h.provider.deliver(activationId, `Your code is ${digits}`, digits);
      await receivePush(usual)(h.push(activationId, `Your code is ${digits}`, digits));
    };
    await code('111111');
    await ask(style, losses[loss](how), (ports) => requestAnother(ports)({ tenantId, id }));
    for (let turn = 0; turn < 4; turn++) await pass(15 * secondMs);
    const waits = (await rowsOf(tenantId))[0]?.state === 'retrying';
    if (style !== 'silent') assert.ok(waits, 'whoever repeats gets what was asked for');
    await code('222222');
    await beyondTheEnd();
    const { captured, released } = await booksOf(id);
    const second = holdOf(`${id}:2:3`);
    assert.deepEqual(captured, [holdOf(id), ...(waits ? [second] : [])], 'the first code, and the second when it was asked for');
    assert.deepEqual(released, []);
    assert.equal((await rowsOf(tenantId))[0]?.state, 'completed');
    assert.equal([...h.ledger.holds.keys()].filter((key) => key.startsWith(id)).length, second === undefined ? 1 : 2);
  });
});

describe('a report, when a reply is lost', () => {
  cases(['the report', 'the write'], async (loss, how, style) => {
    const { tenantId, id, activationId } = await buy();
    const asked = await ask(style, losses[loss](how), (ports) => reportNumber(ports)({ tenantId, id, reason: 'number_blocked' }));
    assert.ok(asked.every((view) => view.id === id));
    await beyondTheEnd();
    const [row] = await rowsOf(tenantId);
    const view = (await usual.store.find(tenantId, id)) ?? assert.fail();
    // A report that was never written down is none: the number ends with its time.
    const unheard = loss === 'the write' && how === 'before' && style === 'silent';
    assert.deepEqual(
      [row?.state, view.reason, view.reportReason],
      unheard ? ['expired', 'no_code_in_time', undefined] : ['cancelled', 'reported_by_customer', 'number_blocked'],
    );
    assert.deepEqual(await booksOf(id), { captured: [], released: [holdOf(id)] });
    assert.equal(h.provider.rented.find((one) => one.id === activationId)?.state, 'cancelled');
  });
});

describe('a retry, when a reply is lost', () => {
  cases(['the hold', 'every hold', 'the purchase', 'the cancellation', 'the write'], async (loss, how, style) => {
    const { tenantId, id } = await buy();
    const request = { tenantId, id, idempotencyKey: newId(), actor: 'user:1', maxPrice: undefined };
    const asked = await ask(style, losses[loss](how), (ports) => retryVerification(ports)(request));
    const rows = await rowsOf(tenantId);
    assert.equal(rows.length, 2, 'one further purchase, however often it is asked for');
    const second = rows.find(({ retry_of: first }) => first === id) ?? assert.fail('no second purchase');
    assert.ok(asked.every((view) => view.id === second.id));
    const living = (): number =>
      h.provider.rented.filter(({ orderId, state }) => [id, second.id].includes(orderId) && state === 'waiting').length;
    await pass(0);
    assert.ok(living() <= 2, 'the first number and the second, never a third');
    await beyondTheEnd();
    for (const { state } of await rowsOf(tenantId)) assert.ok(isFinal(state), state);
    assert.ok(h.provider.rented.filter(({ orderId }) => orderId === second.id || orderId.startsWith(`${second.id}:`)).length <= 1);
    assert.equal(living(), 0, 'every number went back');
    const { captured, released } = await booksOf(id, second.id);
    assert.deepEqual(captured, []);
    const holds = [holdOf(id), holdOf(second.id)].filter((hold) => hold !== undefined);
    assert.deepEqual(released.toSorted(), holds.toSorted(), 'all that was held goes back');
    const again = await retryVerification(usual)(request).catch((error: unknown) => error);
    if (!(again instanceof Error)) assert.equal((again as { id: string }).id, second.id);
    assert.equal((await rowsOf(tenantId)).length, 2);
  });
});
