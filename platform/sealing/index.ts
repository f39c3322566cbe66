export { createEnvelope, type Envelope, type EnvelopeOptions, type Place } from './envelope.ts';
export type { DataKey, KeyStore } from './keys.ts';
export { createSealer, deriveKey, type Sealer } from './sealer.ts';
