import { type Metadata, status as grpcStatus } from '@grpc/grpc-js';
import { type AppError, appError } from './app-error.ts';
import type { ErrorCode } from './catalogue.ts';
import { decodeDetails, detailsKey } from './grpc-details.ts';

/** The part of grpc-js's ServiceError that is read. */
export interface GrpcErrorLike {
  readonly code: grpcStatus;
  readonly details: string;
  readonly metadata?: Metadata | undefined;
}

/** Statuses without details come from grpc-js or a proxy: from the transport, not from a use case. */
const transport: Readonly<Partial<Record<grpcStatus, ErrorCode>>> = {
  [grpcStatus.UNAVAILABLE]: 'platform.unavailable',
  [grpcStatus.DEADLINE_EXCEEDED]: 'platform.deadline_exceeded',
  [grpcStatus.CANCELLED]: 'request.cancelled',
  [grpcStatus.UNIMPLEMENTED]: 'platform.unimplemented',
  [grpcStatus.RESOURCE_EXHAUSTED]: 'platform.overloaded',
  [grpcStatus.UNAUTHENTICATED]: 'auth.unauthenticated',
  [grpcStatus.PERMISSION_DENIED]: 'auth.forbidden',
};

/** The error that the server threw; an unknown one becomes what its status says, with the original as internal cause. */
export const fromGrpcError = (error: GrpcErrorLike): AppError => {
  const [bytes] = error.metadata?.get(detailsKey) ?? [];
  if (bytes !== undefined && typeof bytes !== 'string') {
    const restored = decodeDetails(bytes, error);
    if (restored !== undefined) return restored;
  }
  return appError(transport[error.code] ?? 'platform.internal', { cause: error });
};
