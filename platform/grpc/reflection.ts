/**
 * Server reflection (grpc.reflection.v1 and v1alpha), built when somebody first asks: indexing the descriptors of all services costs over a
 * second of CPU, which every start of every service would pay for a question that few ever ask.
 */
import type { Server, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { descriptorSet } from './descriptors.ts';

type Package = ConstructorParameters<typeof ReflectionService>[0];
type Handler = UntypedServiceImplementation[string];

interface Added {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** What the library would add to a server: one service for each version of the protocol. */
const servicesOf = (definitions: Package, shown: string[]): readonly Added[] => {
  const added: Added[] = [];
  const recorder: Pick<Server, 'addService'> = {
    addService: (definition, implementation) => void added.push({ definition, implementation }),
  };
  new ReflectionService(definitions, { services: shown }).addToServer(recorder);
  return added;
};

/** @param shown names of the services that `list` tells; their files and all that these need can be asked for */
export const addReflection = (server: Server, shown: string[]): void => {
  let whole: readonly Added[] | undefined;
  const built = (): readonly Added[] => (whole ??= servicesOf(loadFileDescriptorSetFromBuffer(descriptorSet()), shown));
  for (const [version, { definition, implementation }] of servicesOf({}, []).entries()) {
    const handlers = Object.keys(implementation).map((method): [string, Handler] => {
      const handler = (...args: unknown[]): unknown => {
        const answer = built()[version]?.implementation[method] as ((...args: unknown[]) => unknown) | undefined;
        return answer?.(...args);
      };
      return [method, handler as Handler];
    });
    server.addService(definition, Object.fromEntries(handlers));
  }
};
