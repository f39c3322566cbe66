import { type Money, money } from '#platform/money/index.ts';
import { type PublicStatus, publicStatus } from '../domain/state.ts';
import { isLate, type Message, type Verification } from '../domain/verification.ts';
import type { Place, SealedMessage, Sealer } from './ports.ts';

/** A verification as its customer sees it. */
export interface VerificationView {
  readonly id: string;
  readonly status: PublicStatus;
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  readonly operator: string;
  readonly areaCode: string;
  readonly phoneNumber: string;
  readonly price: Money;
  readonly code: string;
  readonly messages: readonly Message[];
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
  readonly endedAt: Date | undefined;
  readonly version: number;
  readonly reason: string;
  /** From then on it can be cancelled; undefined: never (any more). */
  readonly cancellableAt: Date | undefined;
  /** A further code was asked for and has not come. */
  readonly awaitsAnother: boolean;
  readonly retryOf: string;
  readonly reportReason: string;
  /** The code came after the end. */
  readonly late: boolean;
}

export const codeContext = ({ tenantId, id }: { tenantId: string; id: string }): Place => ({ tenantId, context: `code:${tenantId}:${id}` });
export const messageContext = ({ tenantId, id }: { tenantId: string; id: string }, messageId: string): Place => ({
  tenantId,
  context: `message:${tenantId}:${id}:${messageId}`,
});

/** @returns undefined when the tenant's keys were destroyed */
export const openMessage = async (sealer: Sealer, verification: Verification, message: SealedMessage): Promise<Message | undefined> => {
  const opened = await sealer.open(message.sealed, messageContext(verification, message.id));
  if (opened === undefined) return undefined;
  const { text, code, sender, audioUrl } = JSON.parse(opened) as { text: string; code: string; sender: string; audioUrl?: string };
  return { id: message.id, text, code, sender, audioUrl, receivedAt: message.receivedAt };
};

/** What its customer may read, in order: those that can still be opened, and nothing of an activation that is frozen. The one way from sealed
 * messages to a customer. */
export const openMessages = async (
  sealer: Sealer,
  verification: Verification,
  messages: readonly SealedMessage[],
): Promise<readonly Message[]> => {
  const seen = verification.frozenAt ? [] : messages;
  const opened = await Promise.all(seen.map((message) => openMessage(sealer, verification, message)));
  return opened.filter((message) => message !== undefined);
};

const openCode = async (sealer: Sealer, verification: Verification): Promise<string> => {
  const { sealedCode, frozenAt } = verification;
  if (sealedCode === undefined || frozenAt) return '';
  return (await sealer.open(sealedCode, codeContext(verification))) ?? '';
};

/** @param opened what its customer may read of it */
export const shownAs = (
  verification: Verification,
  opened: { readonly code: string; readonly messages: readonly Message[] },
): VerificationView => ({
  id: verification.id,
  status: publicStatus(verification.state),
  service: verification.service,
  country: verification.country,
  capability: verification.capability,
  operator: verification.operator,
  areaCode: verification.areaCode,
  phoneNumber: verification.phoneNumber ?? '',
  price: money(verification.currency, verification.priceMicros),
  ...{ code: opened.code, messages: opened.messages },
  createdAt: verification.createdAt,
  expiresAt: verification.expiresAt,
  endedAt: verification.endedAt,
  version: verification.version,
  reason: verification.frozenAt ? 'frozen' : (verification.reason ?? ''),
  cancellableAt: verification.state === 'waiting' ? (verification.cancellableAt ?? verification.createdAt) : undefined,
  awaitsAnother: verification.state === 'retrying',
  retryOf: verification.retryOf ?? '',
  reportReason: verification.reportReason ?? '',
  late: isLate(verification),
});

export const viewOf = async (
  sealer: Sealer,
  verification: Verification,
  messages: readonly SealedMessage[] = [],
): Promise<VerificationView> =>
  shownAs(verification, {
    code: await openCode(sealer, verification),
    messages: await openMessages(sealer, verification, messages),
  });
