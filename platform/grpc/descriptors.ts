/** What the protos say beyond the generated code: which methods may be repeated, and the descriptors that reflection shows. */
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { retryRules, throttle } from './retry-policy.ts';

const path = new URL('../../proto/gen/descriptors.binpb', import.meta.url);

let bytes: Buffer | undefined;
export const descriptorSet = (): Buffer => (bytes ??= readFileSync(path));

let repeatable: ReadonlyMap<string, readonly string[]> | undefined;

const readRepeatable = (): ReadonlyMap<string, readonly string[]> => {
  const services = new Map<string, readonly string[]>();
  for (const file of fromBinary(FileDescriptorSetSchema, descriptorSet()).file) {
    for (const service of file.service) {
      const methods = service.method
        .filter(
          ({ options }) =>
            (options?.idempotencyLevel ?? MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN) !==
            MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
        )
        .map(({ name }) => name);
      services.set(`${file.package}.${service.name}`, methods);
    }
  }
  return services;
};

/** Methods that the proto marks IDEMPOTENT or NO_SIDE_EFFECTS. A service that the descriptors do not know has none. */
export const repeatableMethods = (service: string): readonly string[] => (repeatable ??= readRepeatable()).get(service) ?? [];

/** Which methods are sent again, and when: retry-policy.ts, as grpc-js reads it. */
export const serviceConfigFor = (service: string): string => {
  const methods = repeatableMethods(service);
  return JSON.stringify({
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig:
      methods.length === 0
        ? []
        : [
            {
              name: methods.map((method) => ({ service, method })),
              retryPolicy: {
                maxAttempts: retryRules.maxAttempts,
                initialBackoff: `${retryRules.initialBackoffMs / 1_000}s`,
                maxBackoff: `${retryRules.maxBackoffMs / 1_000}s`,
                backoffMultiplier: retryRules.backoffMultiplier,
                retryableStatusCodes: ['UNAVAILABLE'],
              },
            },
          ],
    retryThrottling: throttle,
  });
};
