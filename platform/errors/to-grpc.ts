import { Metadata, status as grpcStatus } from '@grpc/grpc-js';
import type { AppError } from './app-error.ts';
import { detailsKey, encodeDetails } from './grpc-details.ts';

export interface GrpcFailure {
  readonly code: grpcStatus;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The status that answers a call with this error. The cause stays here. */
export const toGrpcError = (error: AppError): GrpcFailure => {
  const code = grpcStatus[error.row.grpc];
  const metadata = new Metadata();
  metadata.set(detailsKey, encodeDetails(code, error));
  return { code, details: error.message, metadata };
};
