import { appError, isAppError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, errorDetailOf, grpcService, method } from '#platform/grpc/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import type { PlaceHoldRequest } from '#proto/namaskah/billing/v1/billing.ts';
import {
  type ChargeRequest,
  CreditServiceService,
  type ExecuteRequest_Item,
  type ExecuteResponse_Result,
  type Grant as GrantMessage,
  LedgerCommandServiceService,
} from '#proto/namaskah/billing/v1/ledger.ts';
import type { captureHold } from '../../app/ledger/capture-hold.ts';
import type { chargeWallet } from '../../app/ledger/charge-wallet.ts';
import type { grantCredit } from '../../app/ledger/grant-credit.ts';
import type { listGrants } from '../../app/ledger/list-grants.ts';
import type { placeHold } from '../../app/ledger/place-hold.ts';
import type { releaseHold } from '../../app/ledger/release-hold.ts';
import type { Grant } from '../../domain/credit.ts';
import { walletCurrency } from '../../domain/ledger.ts';
import { actorOf, amountOf, holdMessage } from './mapping.ts';

export interface LedgerUseCases {
  readonly placeHold: ReturnType<typeof placeHold>;
  readonly captureHold: ReturnType<typeof captureHold>;
  readonly releaseHold: ReturnType<typeof releaseHold>;
  readonly chargeWallet: ReturnType<typeof chargeWallet>;
  readonly grantCredit: ReturnType<typeof grantCredit>;
  readonly listGrants: ReturnType<typeof listGrants>;
}

/** A call is for a service's concurrent work; more than this at once is somebody's mistake. */
const maxItems = 256;

export const ledgerServices = (ledger: LedgerUseCases): readonly BoundService[] => [commandService(ledger), creditService(ledger)];

const commandService = (ledger: LedgerUseCases): BoundService =>
  grpcService(LedgerCommandServiceService, {
    execute: method(allow('system'), async ({ items }) => {
      if (items.length < 1 || items.length > maxItems)
        throw appError('request.invalid', { fields: [{ field: 'items', reason: `Send 1 to ${maxItems}.` }] });
      return { results: await Promise.all(items.map((item, index) => answer(ledger, item, `items[${index}]`))) };
    }),
    charge: method(allow('system'), async (request, { principal }) => ({
      transferId: await ledger.chargeWallet(principal.tenantId, chargeOf(request)),
    })),
  });

const creditService = (ledger: LedgerUseCases): BoundService =>
  grpcService(CreditServiceService, {
    giveCredit: method(allow('system'), async ({ idempotencyKey, amount, reason, priority, expiresAt }, { principal: { tenantId } }) => ({
      transferId: await ledger.grantCredit(tenantId, { idempotencyKey, tenantId, amount: amountOf(amount), reason, priority, expiresAt }),
    })),
    listGrants: method(allowAny(), async ({ page }, { principal }) => {
      const { grants, nextCursor } = await ledger.listGrants(principal.tenantId, {
        limit: pageLimit(page?.limit),
        cursor: page?.cursor ?? '',
      });
      return { grants: grants.map(grantMessage), nextCursor };
    }),
  });

const done = { hold: undefined, transferId: '', error: undefined };

/** One item's answer. What is no considered answer (a bug, the database away) fails the whole call: its outcome is unknown. */
const answer = async (ledger: LedgerUseCases, item: ExecuteRequest_Item, field: string): Promise<ExecuteResponse_Result> => {
  try {
    return await run(ledger, item, field);
  } catch (error) {
    if (!isAppError(error) || error.row.owner === 'platform') throw error;
    return { ...done, error: errorDetailOf(error) };
  }
};

const run = async (
  { placeHold: place, captureHold: capture, releaseHold: release, chargeWallet: charge }: LedgerUseCases,
  item: ExecuteRequest_Item,
  field: string,
): Promise<ExecuteResponse_Result> => {
  const { tenantId } = item;
  if (!isUuid(tenantId)) throw appError('request.invalid', { fields: [{ field: `${field}.tenant_id`, reason: 'must be a UUID' }] });
  const commands = [item.place, item.capture, item.release, item.charge].filter((command) => command !== undefined);
  if (commands.length !== 1) throw appError('request.invalid', { fields: [{ field, reason: 'must have exactly one command' }] });
  if (item.place !== undefined) return { ...done, hold: holdMessage(await place(tenantId, holdRequestOf(item.place))) };
  if (item.capture !== undefined)
    return { ...done, hold: holdMessage(await capture(tenantId, { ...item.capture, amount: amountOf(item.capture.amount) })) };
  if (item.release !== undefined) return { ...done, hold: holdMessage(await release(tenantId, item.release)) };
  if (item.charge !== undefined) return { ...done, transferId: await charge(tenantId, chargeOf(item.charge)) };
  return done;
};

const holdRequestOf = ({ quoteId = '', fromHoldId = '', actor: said = '', ...request }: PlaceHoldRequest) => ({
  ...request,
  amount: amountOf(request.amount),
  quoteId,
  fromHoldId,
  actor: actorOf(service, said),
});
const chargeOf = ({ actor: said = '', ...request }: ChargeRequest) => ({
  ...request,
  actor: actorOf(service, said),
  amount: amountOf(request.amount),
});
/** Nobody else may call. */
const service = 'service:';

const grantMessage = (grant: Grant): GrantMessage => ({
  id: grant.id,
  kind: grant.kind,
  priority: grant.priority,
  amount: money(walletCurrency, grant.amountMicros),
  remaining: money(walletCurrency, grant.remainingMicros),
  expiresAt: grant.expiresAt,
  createdAt: grant.createdAt,
});
