import { dead, done, on, type Outcome } from '#platform/messaging/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { Charge } from '../../app/ledger/collect-charge.ts';

/** The use cases bound to the consumer's transaction, so that effect and inbox row stand or fall together. */
export interface SettlementUseCases {
  readonly openWallet: (tenantId: string) => Promise<void>;
  /** Each: false when there is no such hold. */
  readonly confirmHold: (tenantId: string, holdId: string, rentedUntil: Date) => Promise<boolean>;
  readonly collectCharge: (charge: Charge) => Promise<boolean>;
  readonly giveBackHold: (tenantId: string, holdId: string) => Promise<boolean>;
}
export type UseCasesIn = (tx: Transaction) => SettlementUseCases;

/** A fact about a hold that was never placed cannot become true by waiting: a person has to look. */
const outcomeOf = (found: boolean, holdId: string): Outcome => (found ? done() : dead({ cause: `there is no hold ${holdId}` }));

export const tenantHandlers = (useCasesIn: UseCasesIn) => [
  on(events.auth.tenantRegistered, async (tx, event) => {
    await useCasesIn(tx).openWallet(event.tenantId);
    return done();
  }),
];

export const verificationHandlers = (useCasesIn: UseCasesIn) => {
  const giveBack = async (
    tx: Transaction,
    { tenantId, payload }: { readonly tenantId: string; readonly payload: { readonly holdId: string } },
  ) =>
    // Empty: it failed before there was a hold.
    payload.holdId === '' ? done() : outcomeOf(await useCasesIn(tx).giveBackHold(tenantId, payload.holdId), payload.holdId);
  return [
    on(events.verification.purchased, async (tx, { tenantId, payload: { holdId, expiresAt } }) =>
      expiresAt === undefined
        ? dead({ cause: 'without expires_at' })
        : outcomeOf(await useCasesIn(tx).confirmHold(tenantId, holdId, expiresAt), holdId),
    ),
    on(events.verification.codeReceived, async (tx, { tenantId, payload: { holdId, price } }) =>
      price === undefined
        ? dead({ cause: 'without price' })
        : outcomeOf(await useCasesIn(tx).collectCharge({ tenantId, holdId, upToMicros: price.micros, final: true }), holdId),
    ),
    on(events.verification.cancelled, giveBack),
    on(events.verification.expired, giveBack),
    on(events.verification.failed, giveBack),
  ];
};

export const campaignHandlers = (useCasesIn: UseCasesIn) => {
  const collect =
    (final: boolean) =>
    async (tx: Transaction, { tenantId, payload }: { readonly tenantId: string; readonly payload: CampaignCharge }): Promise<Outcome> => {
      const { holdId, chargedTotal } = payload;
      // A campaign that was cancelled before its launch has no hold.
      if (holdId === '') return (chargedTotal?.micros ?? 0n) === 0n ? done() : dead({ cause: 'charged without a hold' });
      const upToMicros = chargedTotal?.micros ?? 0n;
      if (!final && upToMicros === 0n) return done();
      return outcomeOf(await useCasesIn(tx).collectCharge({ tenantId, holdId, upToMicros, final }), holdId);
    };
  return [
    on(events.campaign.messagesProgressed, collect(false)),
    on(events.campaign.completed, collect(true)),
    on(events.campaign.cancelled, collect(true)),
  ];
};

interface CampaignCharge {
  readonly holdId: string;
  readonly chargedTotal: { readonly micros: bigint } | undefined;
}
