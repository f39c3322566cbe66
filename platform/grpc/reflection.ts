/**
 * Server reflection (grpc.reflection.v1 and v1alpha), built when somebody first asks: indexing the descriptors of all services costs over a
 * second of CPU, which every start of every service would pay for a question that few ever ask.
 */
import type { Server, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { ReflectionService } from '@grpc/reflection';
import { descriptorSet } from './descriptors.ts';

type Package = ConstructorParameters<typeof ReflectionService>[0];
type Handler = UntypedServiceImplementation[string];

interface Added {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/**
 * The descriptors as the library reads them: of a package definition it takes only the files of every entry. The proto loader
 * would hang all files on each message of them; one entry that holds each file once says the same in a tenth of the time.
 */
const everyFile = (): Package => {
  const { file } = fromBinary(FileDescriptorSetSchema, descriptorSet());
  return { all: { fileDescriptorProtos: file.map((one) => toBinary(FileDescriptorProtoSchema, one)) } } as unknown as Package;
};

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
  const built = (): readonly Added[] => (whole ??= servicesOf(everyFile(), shown));
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
