/** What the protos say beyond the generated code: which methods may be repeated, and the descriptors that reflection shows. */
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';

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

/**
 * Retries live here and only here: at most three attempts, of repeatable methods, when the server could not be reached.
 * The throttle stops them when more than a few calls in a hundred fail, so that retries never feed an outage.
 */
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
                maxAttempts: 3,
                initialBackoff: '0.05s',
                maxBackoff: '0.5s',
                backoffMultiplier: 3,
                retryableStatusCodes: ['UNAVAILABLE'],
              },
            },
          ],
    retryThrottling: { maxTokens: 100, tokenRatio: 0.1 },
  });
};
