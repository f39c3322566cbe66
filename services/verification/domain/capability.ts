/** What a number is rented for: a text, or a call that says the code. */
export const capabilities = ['sms', 'voice'] as const;
export type Capability = (typeof capabilities)[number];

export const isCapability = (text: string): text is Capability => (capabilities as readonly string[]).includes(text);

/** By the names of their codes: who answers calls. Texts are everybody's. */
const answersCalls: ReadonlySet<string> = new Set(['textVerified']);

export const canReceive = (codes: string, capability: string): boolean => capability === 'sms' || answersCalls.has(codes);

/** What it adds to the list price. */
export const surchargeMicros: Readonly<Record<Capability, bigint>> = { sms: 0n, voice: 300_000n };
