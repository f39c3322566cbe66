import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { outboxHeaders } from '#platform/messaging/index.ts';
import type { Queryable } from '#platform/postgres/index.ts';
import type { CaptureHold, ChargeWallet, HoldFact, PlaceHold, ReleaseHold } from '../../../app/ledger/ports.ts';
import type { Hold, HoldState } from '../../../domain/hold.ts';
import type { Product } from '../../../domain/ledger.ts';
import { requestHash } from '../request-hash.ts';

/** One element of the batch, named as the type `ledger_command`; what is absent is null there. */
export interface LedgerCommand {
  readonly kind: 'place' | 'charge' | 'capture' | 'release' | 'collect' | 'give_back' | 'expire';
  readonly tenant: string;
  readonly now: Date;
  readonly currency?: string;
  readonly key?: string;
  readonly hash?: string;
  /** Decimal text: JSON numbers do not hold every bigint. */
  readonly amount?: string;
  readonly hold?: string;
  readonly product?: Product;
  readonly reference?: string;
  readonly description?: string;
  readonly expires?: Date;
  readonly acceptable?: boolean;
  readonly quote?: string | undefined;
  readonly actor?: string | undefined;
  readonly final?: boolean;
  readonly transfer?: string;
  readonly late_transfer?: string;
  readonly events?: readonly string[];
  readonly headers?: unknown;
}

export interface LedgerAnswer {
  readonly ordinal: number;
  readonly outcome: string;
  readonly available: bigint | null;
  readonly id: string;
  readonly state: HoldState;
  readonly amount: bigint;
  readonly captured: bigint;
  readonly currency: string;
  readonly product: Product;
  readonly reference: string;
  readonly description: string;
  readonly expires_at: Date;
  readonly created_at: Date;
  readonly charge: bigint;
  readonly late: bigint;
  readonly give_back: bigint;
  readonly total: bigint;
  readonly collected: bigint;
  readonly owed: bigint;
}

const sql = 'select * from execute_ledger($1, $2, $3)';

/**
 * One call for a batch in which no hold and no key occurs twice.
 * @param alsoLock tenants whose wallets later batches of the same transaction will need: all are locked at once, in one order
 * @returns one answer per command, in their order
 */
export const executeLedger = async (
  queryable: Queryable,
  commands: readonly LedgerCommand[],
  alsoLock: readonly string[] = [],
): Promise<readonly LedgerAnswer[]> => {
  const batch = JSON.stringify(commands.map((command, ordinal) => ({ ...command, ordinal })));
  const now = new Date(Math.max(...commands.map((command) => command.now.getTime())));
  const rows = await queryable.query<LedgerAnswer>(sql, [batch, alsoLock, now], { name: 'execute_ledger' });
  const answers: LedgerAnswer[] = [];
  for (const row of rows) answers[row.ordinal] = row;
  if (rows.length !== commands.length) throw appError('platform.internal', { cause: 'the ledger answered other commands' });
  return answers;
};

const keyed = ({
  tenantId,
  idempotencyKey,
  request,
}: {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly request: string;
}) => ({
  tenant: tenantId,
  key: idempotencyKey,
  hash: `\\x${requestHash(request).toString('hex')}`,
});

/** Ids and headers of up to three events; subjects, versions and amounts are known only in the database. */
const eventParts = (tenant: string, occurredAt: Date, count: 1 | 2 | 3) => ({
  events: Array.from({ length: count }, newId),
  headers: outboxHeaders(tenant, occurredAt),
});

export const placeCommand = (command: PlaceHold): LedgerCommand => ({
  kind: 'place',
  ...keyed(command),
  now: command.now,
  currency: command.amount.currency,
  amount: String(command.amount.micros),
  hold: command.holdId,
  product: command.product,
  reference: command.reference,
  description: command.description,
  expires: command.expiresAt,
  acceptable: command.expiryAcceptable,
  quote: command.quoteId,
  actor: command.actor,
});

export const captureCommand = (command: CaptureHold): LedgerCommand => ({
  kind: 'capture',
  ...keyed(command),
  ...eventParts(command.tenantId, command.now, command.final ? 2 : 1),
  now: command.now,
  currency: command.amount.currency,
  amount: String(command.amount.micros),
  hold: command.holdId,
  final: command.final,
  transfer: newId(),
});

export const releaseCommand = (command: ReleaseHold): LedgerCommand => ({
  kind: 'release',
  ...keyed(command),
  ...eventParts(command.tenantId, command.now, 2),
  now: command.now,
  hold: command.holdId,
});

export const chargeCommand = (command: ChargeWallet): LedgerCommand => ({
  kind: 'charge',
  ...keyed(command),
  ...eventParts(command.tenantId, command.now, 1),
  now: command.now,
  currency: command.amount.currency,
  amount: String(command.amount.micros),
  product: command.product,
  reference: command.reference,
  description: command.description,
  transfer: command.transferId,
  actor: command.actor,
});

export const expireCommand = (tenant: string, hold: string, now: Date): LedgerCommand => ({
  kind: 'expire',
  ...eventParts(tenant, now, 2),
  tenant,
  hold,
  now,
});

export const factCommand = (fact: HoldFact): LedgerCommand => {
  const { tenantId: tenant, holdId: hold, now } = fact;
  switch (fact.kind) {
    case 'give_back':
      return { kind: 'give_back', tenant, hold, now, ...eventParts(tenant, now, 2) };
    case 'collect':
      return {
        kind: 'collect',
        tenant,
        hold,
        now,
        ...eventParts(tenant, now, 3),
        amount: String(fact.upToMicros),
        final: fact.final,
        transfer: newId(),
        late_transfer: newId(),
      };
  }
};

export const holdOfAnswer = (row: LedgerAnswer): Hold => ({
  id: row.id,
  state: row.state,
  amountMicros: row.amount,
  capturedMicros: row.captured,
  currency: row.currency,
  product: row.product,
  reference: row.reference,
  description: row.description,
  expiresAt: row.expires_at,
  createdAt: row.created_at,
});
