/**
 * The server's end of lanes: calls that come as messages of one stream are served as if each had come by itself, by the same function
 * (call.ts): capacity, deadline, principal, policy and metrics are those of the call, never of the lane. See docs/adr/0072.
 */
import { type ServerDuplexStream, Metadata, type Server, status } from '@grpc/grpc-js';
import { detailsKey } from '#platform/errors/grpc-details.ts';
import { type GrpcFailure, toGrpcError } from '#platform/errors/to-grpc.ts';
import { type Answer, type Call, type CarryRequest, type CarryResponse, LaneServiceService } from '#proto/namaskah/transport/v1/lanes.ts';
import { type CallEnvironment, type Incoming, serve } from '../call.ts';
import type { BoundService, GrpcMethod, MethodDefinition } from '../definition.ts';
import { type CallerCheck, callerForbidden } from '../tls.ts';
import { gather } from './gather.ts';

type Stream = ServerDuplexStream<CarryRequest, CarryResponse>;

/** Larger answers are left to the call by itself: one too large for gRPC would end the lane, and all its calls with it. */
const maxAnswerBytes = 3 * 1_024 * 1_024;

interface Served {
  readonly definition: MethodDefinition;
  readonly serveCall: ReturnType<typeof serve>;
  readonly handle: GrpcMethod<unknown, unknown>['handle'];
}

const failed = (callId: number, { code, details, metadata }: GrpcFailure): Answer => {
  const [bytes] = metadata.get(detailsKey);
  return {
    callId,
    result: { $case: 'failure', value: { code, message: details, details: Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0) } },
  };
};
const refused = (callId: number, code: status, details: string): Answer => failed(callId, { code, details, metadata: new Metadata() });

const sizeOf = ({ result }: Answer): number => (result?.$case === 'response' ? result.value.length : 0);

export interface ServerLanes {
  /** Asks the clients of all lanes to send their calls elsewhere; the lanes end with their last answers. */
  leave(): void;
}

/** @param mayCall says whether the holder of the stream's certificate may call a path; absent without TLS */
export const addLanes = (
  server: Server,
  services: readonly BoundService[],
  environment: CallEnvironment,
  mayCall: CallerCheck | undefined,
): ServerLanes => {
  const served = new Map<string, Served>();
  for (const bound of services.flatMap(({ methods }) => methods)) {
    const { definition, implementation } = bound;
    if (definition.responseStream) continue;
    const { handle } = implementation as GrpcMethod<unknown, unknown>;
    served.set(definition.path, { definition, serveCall: serve(bound, environment), handle });
  }
  const lanes = new Set<() => void>();
  const gauge = environment.metrics.gauge('rpc_server_lanes');
  const callsTotal = environment.metrics.counter('rpc_server_lane_calls_total');
  const messagesTotal = environment.metrics.counter('rpc_server_lane_messages_total');

  const carry = (stream: Stream): void => {
    /** How to tell a call that its caller has gone. Cells are emptied when they are left: see slots.ts for what a Map keeps. */
    const running = new Map<number, { cancel: (() => void) | undefined }>();
    let leaving = false;
    let left = false;
    let gone = false;

    const messageOf = (gathered: Answer[]): CarryResponse | undefined => {
      if (gathered.length === 0 && !leaving) return undefined;
      const message = { answers: gathered, leaving };
      leaving = false;
      return message;
    };
    const endIfDone = (): void => {
      if (left && running.size === 0) stream.end();
    };
    const answers = gather(stream, messageOf, endIfDone);
    const leave = (): void => {
      leaving = true;
      answers.schedule();
    };
    const forget = (id: number): void => {
      const cell = running.get(id);
      if (cell !== undefined) cell.cancel = undefined;
      running.delete(id);
    };
    const answer = (value: Answer): void => {
      forget(value.callId);
      if (gone) return;
      answers.put(value, sizeOf(value));
    };

    const begin = ({ id, path, timeoutMs, metadata, request: bytes }: Call): void => {
      const method = served.get(path);
      if (method === undefined) return answer(refused(id, status.UNIMPLEMENTED, `${path} is not a unary method of this server`));
      if (mayCall?.(stream, path) === false) return answer(failed(id, callerForbidden));
      const { definition, serveCall, handle } = method;
      let request: unknown;
      try {
        request = definition.requestDeserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      } catch {
        return answer(refused(id, status.INTERNAL, 'the request cannot be read'));
      }
      const cell: { cancel: (() => void) | undefined } = { cancel: undefined };
      const incoming: Incoming = {
        request,
        deadline: Date.now() + timeoutMs,
        header: (name) => metadata[name],
        headerNames: () => Object.keys(metadata),
        whenCancelled: (then) => (cell.cancel = then),
      };
      running.set(id, cell);
      serveCall(
        incoming,
        (error, response) => {
          if (error !== undefined) return answer(failed(id, toGrpcError(error)));
          const value = definition.responseSerialize(response as never);
          if (value.length <= maxAnswerBytes) answer({ callId: id, result: { $case: 'response', value } });
          else answer(refused(id, status.RESOURCE_EXHAUSTED, 'the answer is too large'));
        },
        (handed) => handle(request, handed),
      );
    };

    lanes.add(leave);
    gauge.set(lanes.size);
    const goAway = (): void => {
      gone = true;
      lanes.delete(leave);
      gauge.set(lanes.size);
      for (const { cancel } of running.values()) cancel?.();
      running.clear();
    };
    stream.on('data', ({ calls, cancelledIds }: CarryRequest) => {
      callsTotal.inc(calls.length);
      messagesTotal.inc();
      for (const call of calls) begin(call);
      for (const id of cancelledIds) {
        running.get(id)?.cancel?.();
        forget(id);
      }
      if (left) answers.schedule();
    });
    stream.on('end', () => {
      left = true;
      answers.schedule();
    });
    // Emitted at the end of every lane, in peace or not; what has been answered by then is not touched.
    stream.on('cancelled', goAway);
    stream.on('close', goAway);
    stream.on('error', goAway);
    // Headers say that the lane is open; grpc-js would send them with the first answer.
    stream.sendMetadata(new Metadata());
  };
  server.addService(LaneServiceService, { carry });
  return { leave: () => lanes.forEach((leave) => leave()) };
};
