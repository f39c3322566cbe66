/**
 * Backends that answer what a test tells them to and remember what they were asked. A call that the test did not
 * prepare fails loudly. Not a model of any service: the whole-system tests use the real ones.
 */
import type { CallOptions } from '#platform/grpc/index.ts';
import type { Backends } from '../adapters/http/backends.ts';

export interface RecordedCall {
  readonly service: string;
  readonly method: string;
  readonly request: any;
  readonly options: CallOptions;
}

type Answer = (request: any) => unknown;

export const fakeBackends = (answers: Readonly<Record<string, Answer>>) => {
  const calls: RecordedCall[] = [];
  const service = (name: string): unknown =>
    new Proxy(
      {},
      {
        get: (_target, method: string) => async (request: unknown, options: CallOptions) => {
          calls.push({ service: name, method, request, options });
          const answer = answers[`${name}.${method}`];
          if (!answer) throw new Error(`no answer prepared for ${name}.${method}`);
          return answer(request);
        },
      },
    );
  const backends = new Proxy({}, { get: (_target, name: string) => service(name) }) as Backends;
  return { backends, calls };
};
