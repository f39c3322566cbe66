/**
 * Retries live here and only here: at most three attempts, of repeatable methods, when the server could not be reached.
 * The throttle stops them when more than a few calls in a hundred fail, so that retries never feed an outage. grpc-js carries it out for calls
 * that go by themselves, lanes/retries.ts for those that go over lanes.
 */
export const retryRules = { maxAttempts: 3, initialBackoffMs: 50, maxBackoffMs: 500, backoffMultiplier: 3 } as const;
export const throttle = { maxTokens: 100, tokenRatio: 0.1 } as const;
