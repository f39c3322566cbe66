import { type Money, money } from '#platform/money/index.ts';
import { type PublicStatus, publicStatus } from '../domain/state.ts';
import { isLate, type Message, type Verification } from '../domain/verification.ts';
import type { SealedMessage, Sealer } from './ports.ts';

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

/** Where a ciphertext belongs. */
export const codeContext = (verification: { tenantId: string; id: string }): string => `code:${verification.tenantId}:${verification.id}`;
export const messageContext = (verification: { tenantId: string; id: string }, messageId: string): string =>
  `message:${verification.tenantId}:${verification.id}:${messageId}`;

export const openMessage = (sealer: Sealer, verification: Verification, message: SealedMessage): Message => {
  const body = JSON.parse(sealer.open(message.sealed, messageContext(verification, message.id))) as {
    text: string;
    code: string;
    sender: string;
    audioUrl?: string;
  };
  return { id: message.id, text: body.text, code: body.code, sender: body.sender, audioUrl: body.audioUrl, receivedAt: message.receivedAt };
};

export const viewOf = (sealer: Sealer, verification: Verification, messages: readonly SealedMessage[] = []): VerificationView => ({
  id: verification.id,
  status: publicStatus(verification.state),
  service: verification.service,
  country: verification.country,
  capability: verification.capability,
  operator: verification.operator,
  areaCode: verification.areaCode,
  phoneNumber: verification.phoneNumber ?? '',
  price: money(verification.currency, verification.priceMicros),
  code: verification.sealedCode && !verification.frozenAt ? sealer.open(verification.sealedCode, codeContext(verification)) : '',
  messages: (verification.frozenAt ? [] : messages).map((message) => openMessage(sealer, verification, message)),
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
