/** Customers who buy while things break, and the chance that decides when. */
import assert from 'node:assert/strict';
import type { Customer } from '../support/client.ts';

export type Random = () => number;

/** mulberry32: small, repeatable. CHAOS_SEED repeats a run. */
export const chaosSeed = (): { readonly seed: number; readonly random: Random } => {
  const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { seed, random };
};

export interface Purchase {
  readonly id: string;
  readonly price: string;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** A machine with other work takes a while to bring processes back. */
const patienceMs = 90_000;

/**
 * As a careful client: the same key until there is an answer that is final.
 * @param path of a purchase, or of an order of many
 */
export const askCarefully = async (customer: Customer, path: string, key: string, body: unknown, random: Random): Promise<any> => {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      const answer = await customer.api.post(path, body, { 'idempotency-key': key });
      if (answer.status < 300) return answer.body;
      assert.ok(
        answer.status >= 500 || answer.status === 429 || answer.body.code === 'request.idempotency_in_progress',
        `unexpected answer: ${answer.status} ${JSON.stringify(answer.body)}`,
      );
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      // The connection was cut: the outcome is unknown, the same key finds out.
    }
    assert.ok(Date.now() < deadline, `${key} got no answer`);
    await sleep(100 + random() * 200);
  }
};

export const buyCarefully = async (
  customer: Customer,
  key: string,
  wanted: { readonly service: string; readonly country: string },
  random: Random,
): Promise<Purchase> => {
  const { id, price } = await askCarefully(customer, '/v2/verifications', key, { ...wanted, capability: 'sms' }, random);
  return { id, price };
};
