/** A lane by hand: whatever the messages say, sent as it is. */
import assert from 'node:assert/strict';
import { Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { type Answer, type Call, type CarryRequest, type CarryResponse, LaneServiceService } from '#proto/namaskah/transport/v1/lanes.ts';
import { clientCredentials, type TlsFiles } from '../tls.ts';

export const rawLane = (port: number, tls?: TlsFiles) => {
  const options = tls === undefined ? {} : { 'grpc.ssl_target_name_override': 'billing' };
  const client = new Client(`127.0.0.1:${port}`, clientCredentials(tls), options);
  const { carry } = LaneServiceService;
  const stream: ClientDuplexStream<CarryRequest, CarryResponse> = client.makeBidiStreamRequest(
    carry.path,
    carry.requestSerialize,
    carry.responseDeserialize,
  );
  const answers = new Map<number, Answer['result']>();
  stream.on('error', () => undefined);
  stream.on('data', (message: CarryResponse) => message.answers.forEach(({ callId, result }) => answers.set(callId, result)));
  return {
    answers,
    send: (calls: readonly Call[], cancelledIds: readonly number[] = []): void =>
      void stream.write({ calls: [...calls], cancelledIds: [...cancelledIds] }),
    /** @returns the status that answered the call */
    failure: (id: number): number => {
      const result = answers.get(id);
      assert.ok(result?.$case === 'failure', `answer ${id}: ${result?.$case}`);
      return result.value.code;
    },
    /** No more calls; those under way are answered. */
    end: (): void => void stream.end(),
    cancel: (): void => stream.cancel(),
    close: (): void => {
      stream.cancel();
      client.close();
    },
  };
};
