import { money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import type { Verification } from '../domain/verification.ts';
import type { HoldOutcome, Ports } from './ports.ts';

/** "Telegram code, Indonesia": what the customer reads in the wallet. */
const describe = (ports: Pick<Ports, 'catalogue'>, verification: Verification): string => {
  const service = ports.catalogue.service(verification.service)?.name ?? verification.service;
  const country = ports.catalogue.country(verification.country)?.name ?? verification.country;
  return `${service} code, ${country}`;
};

/**
 * Asks for the hold of a verification. Everything in the request comes from the row, so that asking again, here or in
 * another process after a crash, is the same request under the same key.
 */
export const holdFor = (
  ports: Pick<Ports, 'ledger' | 'catalogue' | 'timing'>,
  verification: Verification,
  deadline: Date,
): Promise<HoldOutcome> =>
  ports.ledger.placeHold({
    tenantId: verification.tenantId,
    verificationId: verification.id,
    amount: money(verification.currency, verification.priceMicros),
    quoteId: verification.quoteId,
    fromHoldId: verification.fromHoldId,
    actor: verification.actor,
    description: describe(ports, verification),
    expiresAt: addMs(verification.createdAt, ports.timing.holdMs),
    deadline,
  });
