import type { Metadata } from '@grpc/grpc-js';

/** Metadata that our calls carry, beside W3C trace context. */
export const principalHeader = 'namaskah-principal';
export const requestIdHeader = 'namaskah-request-id';

export const firstText = (metadata: Metadata, key: string): string | undefined => {
  const [value] = metadata.get(key);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** For a record of texts, as a lane carries it. */
export const recordSetter = {
  set: (headers: Record<string, string>, key: string, value: string): void => void (headers[key] = value),
};
