import { type Verification as VerificationMessage, VerificationStatus } from '#proto/namaskah/verification/v1/verification.ts';
import { appError } from '#platform/errors/index.ts';
import { decodeCursor, encodeCursor } from '#platform/postgres/index.ts';
import type { Position, PricePosition } from '../../app/browse-catalogue.ts';
import type { VerificationView } from '../../app/view.ts';
import { type PublicStatus, publicStatuses } from '../../domain/state.ts';

export const statusOf: Readonly<Record<PublicStatus, VerificationStatus>> = {
  waiting: VerificationStatus.VERIFICATION_STATUS_WAITING,
  received: VerificationStatus.VERIFICATION_STATUS_RECEIVED,
  completed: VerificationStatus.VERIFICATION_STATUS_COMPLETED,
  cancelled: VerificationStatus.VERIFICATION_STATUS_CANCELLED,
  expired: VerificationStatus.VERIFICATION_STATUS_EXPIRED,
  failed: VerificationStatus.VERIFICATION_STATUS_FAILED,
};

export const toMessage = (view: VerificationView): VerificationMessage => ({
  id: view.id,
  status: statusOf[view.status],
  service: view.service,
  country: view.country,
  capability: view.capability,
  operator: view.operator,
  areaCode: view.areaCode,
  phoneNumber: view.phoneNumber,
  price: view.price,
  code: view.code,
  messages: view.messages.map((message) => ({ ...message })),
  expiresAt: view.expiresAt,
  createdAt: view.createdAt,
  endedAt: view.endedAt,
  version: BigInt(view.version),
  reason: view.reason,
  cancellableAt: view.cancellableAt,
  awaitsAnother: view.awaitsAnother,
  retryOf: view.retryOf,
  reportReason: view.reportReason,
  late: view.late,
});

/** @throws request.invalid on field "status" */
export const toStatus = (text: string): PublicStatus | undefined => {
  if (text === '') return undefined;
  const status = publicStatuses.find((known) => known === text);
  if (status === undefined)
    throw appError('request.invalid', { fields: [{ field: 'status', reason: `must be one of ${publicStatuses.join(', ')}` }] });
  return status;
};

const badCursor = (): Error => appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });

/** A position is a pair; the kinds of its halves tell lists apart. */
const pair = (cursor: string | undefined): readonly unknown[] | undefined => decodeCursor(cursor, 2);

export const toPosition = (cursor: string | undefined): Position | undefined => {
  const values = pair(cursor);
  if (values === undefined) return undefined;
  const [rank, code] = values;
  if (typeof rank !== 'number' || typeof code !== 'string') throw badCursor();
  return { rank, code };
};
export const fromPosition = (position: Position | undefined): string => (position ? encodeCursor([position.rank, position.code]) : '');

export const toPricePosition = (cursor: string | undefined): PricePosition | undefined => {
  const values = pair(cursor);
  if (values === undefined) return undefined;
  const [service, country] = values;
  if (typeof service !== 'string' || typeof country !== 'string') throw badCursor();
  return { service, country };
};
export const fromPricePosition = (position: PricePosition | undefined): string =>
  position ? encodeCursor([position.service, position.country]) : '';

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const toLastId = (cursor: string | undefined): string | undefined => {
  const values = decodeCursor(cursor, 1);
  if (values === undefined) return undefined;
  const [id] = values;
  if (typeof id !== 'string' || !uuid.test(id)) throw badCursor();
  return id;
};
export const fromLastId = (id: string | undefined): string => (id ? encodeCursor([id]) : '');
