import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
export type Answer = (response: ServerResponse, received: Received) => void;

/** Answers so; the default is 204. */
export const status =
  (code: number, text = '', headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end(text);

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/** A customer's server: remembers what it got, and answers by path as it is told. */
export const startReceiver = async (tls?: { readonly key: string; readonly cert: string }) => {
  const received: Received[] = [];
  const answers = new Map<string, Answer>();
  const state = { connections: 0, inFlight: 0, mostInFlight: 0 };
  const onRequest: RequestListener = (request, response) => {
    state.mostInFlight = Math.max(state.mostInFlight, ++state.inFlight);
    response.once('close', () => state.inFlight--);
    void readBody(request).then(
      (body) => {
        const message = { path: request.url ?? '', headers: request.headers as Record<string, string>, body };
        received.push(message);
        (answers.get(message.path) ?? status(204))(response, message);
      },
      () => response.destroy(),
    );
  };
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest);
  server.on('connection', () => state.connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    ...{ state, port, received },
    url: (path: string): string => `http://127.0.0.1:${port}${path}`,
    at: (path: string): readonly Received[] => received.filter((each) => each.path === path),
    answer: (path: string, answer: Answer): void => void answers.set(path, answer),
    close: async (): Promise<void> => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
export type Receiver = Awaited<ReturnType<typeof startReceiver>>;

/** As a customer with the library of Standard Webhooks does. @throws when the signature is not ours */
export const verified = (message: Received, secret: string): any => new Webhook(secret).verify(message.body, { ...message.headers });
