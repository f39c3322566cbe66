/**
 * The bytes of `grpc-status-details-bin`: a google.rpc.Status whose one detail is our ErrorDetail. Status and Any are
 * written by hand (five fields), so that any gRPC tool can show the details without our own envelope.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ErrorDetail } from '#proto/namaskah/common/v1/error.ts';
import { AppError } from './app-error.ts';
import { isErrorCode } from './catalogue.ts';

export const detailsKey = 'grpc-status-details-bin';
const typeUrl = 'type.googleapis.com/namaskah.common.v1.ErrorDetail';
/** Trailers are bounded (HTTP/2 header list); a request with more wrong fields than this learns of the rest next time. */
const maxFields = 50;

/** The public part of an error, also for answers that carry one error per item. */
export const errorDetailOf = (error: AppError): ErrorDetail => ({
  code: error.code,
  message: error.message,
  fields: error.fields.slice(0, maxFields).map(({ field, reason }) => ({ field, reason })),
  retryAfterMs: error.retryAfterMs === undefined ? undefined : Math.max(0, Math.min(0xffff_ffff, Math.round(error.retryAfterMs))),
  meta: { ...error.meta },
});

/** @returns undefined when its code is not (yet) in this process's catalogue */
export const errorOfDetail = (detail: ErrorDetail, cause: unknown): AppError | undefined =>
  isErrorCode(detail.code)
    ? new AppError(detail.code, {
        message: detail.message,
        fields: detail.fields,
        meta: detail.meta,
        cause,
        ...(detail.retryAfterMs === undefined ? {} : { retryAfterMs: detail.retryAfterMs }),
      })
    : undefined;

export const encodeDetails = (status: number, error: AppError): Buffer => {
  const detail = ErrorDetail.encode(errorDetailOf(error)).finish();
  const writer = new BinaryWriter();
  writer.uint32(8).int32(status);
  writer.uint32(18).string(error.message);
  const any = writer.uint32(26).fork();
  any.uint32(10).string(typeUrl);
  any.uint32(18).bytes(detail);
  any.join();
  return Buffer.from(writer.finish());
};

/** Visits the fields of a message; unknown ones are skipped. */
const eachField = (bytes: Uint8Array, visit: (field: number, reader: BinaryReader) => boolean): void => {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited || !visit(field, reader)) reader.skip(wireType, field);
  }
};

const unpackAny = (bytes: Uint8Array): ErrorDetail | undefined => {
  let url = '';
  let value: Uint8Array | undefined;
  eachField(bytes, (field, reader) => {
    if (field === 1) url = reader.string();
    else if (field === 2) value = reader.bytes();
    else return false;
    return true;
  });
  return url === typeUrl && value !== undefined ? ErrorDetail.decode(value) : undefined;
};

/** @returns undefined when there is no detail of ours, or its code is not (yet) in this process's catalogue */
export const decodeDetails = (bytes: Uint8Array, cause: unknown): AppError | undefined => {
  let detail: ErrorDetail | undefined;
  try {
    eachField(bytes, (field, reader) => {
      if (field !== 3) return false;
      detail ??= unpackAny(reader.bytes());
      return true;
    });
  } catch {
    return undefined;
  }
  return detail && errorOfDetail(detail, cause);
};
