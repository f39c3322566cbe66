import { randomBytes } from 'node:crypto';
import { newId } from '#platform/ids/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { hourMs, minuteMs, secondMs, testClock } from '#platform/time/index.ts';
import { memoryKeys } from '#platform/sealing/testing/memory-keys.ts';
import { openSealer } from '../../adapters/crypto/sealer.ts';
import { rentalRowOf } from '../../adapters/nats/rental-events.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { postgresLeases, postgresRentalLeases } from '../../adapters/postgres/policy/leases.ts';
import { postgresGate } from '../../adapters/postgres/policy/tenants.ts';
import { createRentalStore } from '../../adapters/postgres/rental/store.ts';
import { entities } from '../../adapters/postgres/rows.ts';
import { numberHash } from '../../app/policy/hash-number.ts';
import { createRental, type CreateRentalRequest } from '../../app/rental/create-rental.ts';
import { extendRental } from '../../app/rental/extend-rental.ts';
import type { RentalPorts } from '../../app/rental/ports.ts';
import { workRentals } from '../../app/rental/work-rentals.ts';
import type { Rental } from '../../domain/rental/rental.ts';
import type { PolicyRules } from '../../domain/policy/rules.ts';
import { testCatalogue } from '../harness.ts';
import { laxRules, testScreen } from '../policy/rules.ts';
import { createFakeRentalMoney, createFakeRentals, providersOf } from './fake-rentals.ts';

/** Rentals with the real store, and a provider, billing and clock of the test's. One database for a file, everything else anew by `fresh`. `shared`: another world's database, for both to see the same rows. */
export const openRentalWorld = async (rules: PolicyRules = laxRules, shared?: { readonly db: Database }) => {
  const database = shared === undefined ? await createTestDatabase('verification', migrations) : undefined;
  const url = database?.url ?? '';
  const db = shared?.db ?? (await openDatabase({ url, applicationName: 'rental-test', poolMax: 8, entities }));
  const { sealer } = await openSealer({ key: randomBytes(32), store: memoryKeys(), now: () => new Date() });

  const fresh = async () => {
    await db.query(
      `truncate rentals, rental_orders, rental_messages, provider_settlements, outbox, number_leases, number_bans, policy_switches,
        policy_decisions`,
    );
    // Now: ids are made of the true time, and are searched by.
    const clock = testClock(new Date());
    const fake = createFakeRentals(clock);
    const billing = createFakeRentalMoney();
    const failures: unknown[] = [];
    const tenantId = newId();
    const ports: RentalPorts = {
      ...{ providers: providersOf(fake), ledger: billing.ledger, prices: billing.prices, catalogue: testCatalogue, sealer, clock },
      parked: async () => [],
      policy: postgresGate({ db, clock, catalogue: testCatalogue, screen: testScreen }),
      numbers: postgresRentalLeases(db, numberHash(sealer), postgresLeases(db, numberHash(sealer))),
      store: createRentalStore({ db, rules, outboxRowOf: rentalRowOf(() => clock.now()) }),
      timing: {
        ...{ purchaseMs: 4 * secondMs, providerTimeoutMs: 5 * secondMs, reconcileGraceMs: 10 * secondMs, retryMs: secondMs },
        ...{ retryMaxMs: 30 * secondMs, giveUpMs: hourMs, pollMs: minuteMs, warnMs: 24 * hourMs, renewMs: hourMs },
      },
      observer: { leak: () => {}, lost: () => {}, failedStep: (_, error) => void failures.push(error) },
    };
    const work = workRentals(ports);
    return {
      ...{ db, clock, fake, billing, failures, tenantId, ports },
      rent: (over: Partial<CreateRentalRequest> = {}, using = ports): Promise<Rental> =>
        createRental(using)({
          ...{ tenantId, idempotencyKey: newId(), service: 'telegram', country: 'ID', duration: '1d', autoRenew: false },
          ...{ maxPrice: undefined, ...over },
        }),
      extend: (id: string, duration = '1d', idempotencyKey = newId()): Promise<Rental> =>
        extendRental(ports)({ tenantId, id, idempotencyKey, duration, maxPrice: undefined }),
      /** The time goes on, and the scheduler does all that is due then. */
      pass: async (ms: number): Promise<void> => {
        clock.advance(ms);
        for (let turn = 0; turn < 50; turn++) if ((await work({ limit: 100, leaseMs: 45_000 })) === 0) break;
      },
      /** What was told, in its order: "started", "message-received" … */
      events: async (): Promise<string[]> => {
        const rows = await db.query<{ subject: string }>('select subject from outbox order by seq');
        return rows.map(({ subject }) => subject.replace('namaskah.verification.v1.rental.', ''));
      },
    };
  };
  return {
    fresh,
    close: async (): Promise<void> => {
      // What is shared is closed by its owner.
      if (database === undefined) return;
      await db.close();
      await database.close();
    },
  };
};
export type RentalWorld = Awaited<ReturnType<Awaited<ReturnType<typeof openRentalWorld>>['fresh']>>;
