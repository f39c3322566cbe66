/** The retry policy for calls over lanes, as gRPC has it for the others (gRFC A6: retry policy, jitter, throttling). */
import { status } from '@grpc/grpc-js';
import type { GrpcErrorLike } from '#platform/errors/from-grpc.ts';
import { retryRules, throttle } from '../retry-policy.ts';

export interface Retries {
  /**
   * Told of every answer.
   * @param attempts so far
   * @returns after how many milliseconds the call is sent again; undefined: not
   */
  pauseMs(error: GrpcErrorLike | undefined, attempts: number): number | undefined;
}

/** @param random in [0, 1) */
export const retryPolicy = (random: () => number = Math.random): Retries => {
  const { maxAttempts, initialBackoffMs, maxBackoffMs, backoffMultiplier } = retryRules;
  const { maxTokens, tokenRatio } = throttle;
  let tokens: number = maxTokens;
  return {
    pauseMs: (error, attempts) => {
      if (error?.code !== status.UNAVAILABLE) {
        tokens = Math.min(maxTokens, tokens + tokenRatio);
        return undefined;
      }
      tokens = Math.max(0, tokens - 1);
      if (attempts >= maxAttempts || tokens <= maxTokens / 2) return undefined;
      return random() * Math.min(maxBackoffMs, initialBackoffMs * backoffMultiplier ** (attempts - 1));
    },
  };
};
