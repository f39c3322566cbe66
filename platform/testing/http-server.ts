import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Answers every request from now on; a test may put another one in its place at any time. */
  listener: RequestListener;
  /** Cuts what is still open. */
  close(): Promise<void>;
}

/** Somebody else's HTTP server, on a free port of this machine. @param listener absent: it says nothing, ever */
export const startTestServer = async (listener: RequestListener = () => {}): Promise<TestServer> => {
  const server = createServer((request, response) => running.listener(request, response));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const running: TestServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    listener,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return running;
};

export const bodyOf = async (request: IncomingMessage): Promise<Buffer> => Buffer.concat(await request.toArray());

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface TestReceiver {
  readonly url: string;
  /** Everything that came, in its order. */
  readonly received: ReceivedRequest[];
  close(): Promise<void>;
}

/** Somebody who is told things: remembers them as they came. @param answer the status of the nth answer, 200 unless told */
export const startTestReceiver = async (answer: (nth: number) => number = () => 200): Promise<TestReceiver> => {
  const received: ReceivedRequest[] = [];
  const { url, close } = await startTestServer((request, response) => {
    void bodyOf(request).then(
      (body) => {
        const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
        received.push({ path: request.url ?? '', headers, body });
        response.writeHead(answer(received.length)).end();
      },
      // Cut off by the other side: nothing was told.
      () => response.destroy(),
    );
  });
  return { url, received, close };
};
