import type { Metadata } from '@grpc/grpc-js';

/** Metadata that our calls carry, beside W3C trace context. */
export const principalHeader = 'namaskah-principal';
export const requestIdHeader = 'namaskah-request-id';

export const firstText = (metadata: Metadata, key: string): string | undefined => {
  const [value] = metadata.get(key);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

export const metadataGetter = {
  keys: (metadata: Metadata) => Object.keys(metadata.getMap()),
  get: (metadata: Metadata, key: string): string | undefined => firstText(metadata, key),
};
export const metadataSetter = {
  set: (metadata: Metadata, key: string, value: string): void => metadata.set(key, value),
};
