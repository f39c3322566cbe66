import type { InferEntity } from '@mikro-orm/postgresql';
import { newId } from '#platform/ids/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import type { Act, PolicyGate, TenantPolicies } from '../../../app/policy/ports.ts';
import type { Catalogue, PolicyClass } from '../../../domain/catalogue.ts';
import type { Screen } from '../../../domain/policy/screen.ts';
import type { OwnLimits } from '../../../domain/policy/rules.ts';
import { noUsage, type Usage, usageAt } from '../../../domain/policy/usage.ts';
import type { Clock } from '#platform/time/index.ts';
import { writeDown } from './audit.ts';
import { RentalRow } from '../rental/rows.ts';
import { PolicyClassRow, PolicyTenantRow, PolicyUsageRow } from './rows.ts';

const limitsFromRow = (row: Readonly<Record<string, string>>): OwnLimits => ({
  ...('maxOpen' in row && { maxOpen: Number(row['maxOpen']) }),
  ...('maxOpenRentals' in row && { maxOpenRentals: Number(row['maxOpenRentals']) }),
  ...('maxPurchasesPerHour' in row && { maxPurchasesPerHour: Number(row['maxPurchasesPerHour']) }),
  ...('maxCancelsPerHour' in row && { maxCancelsPerHour: Number(row['maxCancelsPerHour']) }),
  ...('maxSpendPerDayMicros' in row && { maxSpendPerDayMicros: BigInt(row['maxSpendPerDayMicros'] ?? 0) }),
});

/** All numbers as text: an amount may be larger than a number of JSON is exact. */
const limitsToRow = (limits: OwnLimits): Record<string, string> =>
  Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, String(value)]));

const usageOf = (row: InferEntity<typeof PolicyUsageRow>): Usage => {
  const { hour, purchases, purchasesBefore, cancels, cancelsBefore, day, spentMicros, paid, paidBefore, unpaid, unpaidBefore } = row;
  return {
    ...{ open: row.open, hour, purchases, purchasesBefore, cancels, cancelsBefore },
    ...{ day, spentMicros, paid, paidBefore, unpaid, unpaidBefore, blockedUntil: row.blockedUntil ?? undefined },
  };
};

const known = async (tx: Transaction, tenantId: string, { at }: Act): Promise<void> => {
  await tx.query('insert into policy_tenants (tenant_id, since) values ($1, $2) on conflict do nothing', [tenantId, at]);
};

/** Standing, classes and usage of tenants. */
export const postgresTenantPolicies = (db: Database): TenantPolicies => ({
  find: async (tenantId, at) => {
    const em = db.em();
    const settings = await em.findOne(PolicyTenantRow, { tenantId });
    const usage = await em.findOne(PolicyUsageRow, { tenantId });
    const classes = await em.find(PolicyClassRow, { tenantId }, { orderBy: { service: 'asc' } });
    const openRentals = await em.count(RentalRow, { tenantId, state: { $in: ['ordering', 'active', 'releasing'] } });
    return {
      ...{ tenantId, openRentals },
      standing: {
        kycLevel: settings?.kycLevel ?? 0,
        ownLimits: limitsFromRow(settings?.limits ?? {}),
        since: settings?.since ?? at,
      },
      kycPurpose: settings?.kycPurpose ?? '',
      usage: usage ? usageAt(usageOf(usage), at) : noUsage(at),
      acknowledgements: usage?.acknowledgements ?? 0,
      acknowledgedSince: usage?.acknowledgedSince ?? undefined,
      ownClasses: classes.map((row) => ({ service: row.service, policyClass: row.class })),
    };
  },
  setKyc: (tenantId, level, purpose, act) =>
    db.transaction(async (tx) => {
      await known(tx, tenantId, act);
      await tx.query('update policy_tenants set kyc_level = $2, kyc_purpose = $3 where tenant_id = $1', [tenantId, level, purpose]);
      await writeDown(tx, act, { kind: 'kyc_set', reason: String(level), tenantId, detail: { level, purpose } });
    }),
  setLimits: (tenantId, limits, act) =>
    db.transaction(async (tx) => {
      const detail = limitsToRow(limits);
      await known(tx, tenantId, act);
      await tx.query('update policy_tenants set limits = $2 where tenant_id = $1', [tenantId, JSON.stringify(detail)]);
      await writeDown(tx, act, { kind: 'limits_set', reason: Object.keys(detail).join(','), tenantId, detail });
    }),
  setClass: (tenantId, service, policyClass, act) =>
    db.transaction(async (tx) => {
      if (policyClass === undefined)
        await tx.query('delete from policy_classes where tenant_id = $1 and service = $2', [tenantId, service]);
      else
        await tx.query(
          `insert into policy_classes (tenant_id, service, class, reason, set_by, set_at) values ($1, $2, $3, $4, $5, $6)
           on conflict (tenant_id, service) do update
             set class = excluded.class, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at`,
          [tenantId, service, policyClass, act.note, act.actor, act.at],
        );
      await writeDown(tx, act, { kind: 'class_set', reason: policyClass ?? 'catalogue', tenantId, service });
    }),
  sawTenant: async (tenantId, at) => {
    await db.query(
      `insert into policy_tenants (tenant_id, since) values ($1, $2)
       on conflict (tenant_id) do update set since = excluded.since where policy_tenants.since > excluded.since`,
      [tenantId, at],
    );
  },
  acknowledge: (tenantId, atMost, periodMs, act) =>
    db.transaction(async (tx) => {
      const [row] = await tx.query<{ blocked_until: Date | null; acknowledgements: number; acknowledged_since: Date | null }>(
        'select blocked_until, acknowledgements, acknowledged_since from policy_usage where tenant_id = $1 for update',
        [tenantId],
      );
      if (!row?.blocked_until || row.blocked_until <= act.at) return 'no_block';
      const since = row.acknowledged_since;
      const running = since !== null && act.at.getTime() < since.getTime() + periodMs;
      const used = running ? row.acknowledgements : 0;
      if (used >= atMost) return 'used_up';
      await tx.query('update policy_usage set blocked_until = null, acknowledgements = $2, acknowledged_since = $3 where tenant_id = $1', [
        tenantId,
        used + 1,
        running ? since : act.at,
      ]);
      await writeDown(tx, act, { kind: 'acknowledged', reason: 'success_floor', tenantId, detail: { used: used + 1 } });
      return 'lifted';
    }),
});

export interface GateParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly screen: Screen;
  readonly catalogue: Pick<Catalogue, 'service'>;
}

export const postgresGate = ({ db, clock, screen, catalogue }: GateParts): PolicyGate => {
  let off: readonly string[] = [];
  return {
    providersOff: () => off,
    refreshSwitches: async () => {
      const rows = await db.query<{ target: string }>("select target from policy_switches where scope = 'provider'");
      off = rows.map(({ target }) => target);
    },
    screen: (service, message) => screen(message, catalogue.service(service)?.category ?? ''),
    recordWithheld: async ({ id, tenantId, service, provider }, reason, kind = 'verification') => {
      const act = { actor: 'service:verification', note: '', at: clock.now() };
      const about = kind === 'rental' ? { detail: { rentalId: id } } : { verificationId: id };
      await writeDown(db, act, { kind: 'message_withheld', reason, tenantId, service, provider, ...about });
    },
    ownClass: async (tenantId, service) => {
      const [row] = await db.query<{ class: PolicyClass }>('select class from policy_classes where tenant_id = $1 and service = $2', [
        tenantId,
        service,
      ]);
      return row?.class;
    },
    recordBlocked: async (tenantId, service, country) => {
      await db.query(
        `insert into policy_decisions (id, kind, tenant_id, reason, service, country, provider, first_at, at)
       values ($1, 'refused', $2, 'service_blocked', $3, $4, '', date_trunc('minute', $5::timestamptz), $5)
       on conflict (tenant_id, reason, service, provider, first_at) where kind = 'refused'
         do update set times = policy_decisions.times + 1, at = greatest(policy_decisions.at, excluded.at)`,
        [newId(), tenantId, service, country, clock.now()],
      );
    },
  };
};
