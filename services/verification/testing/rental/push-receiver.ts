import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PushReceiver {
  readonly url: string;
  readonly pushes: { readonly path: string; readonly headers: Record<string, string>; readonly body: Buffer }[];
  close(): Promise<void>;
}

/** Stands where the gateway does: remembers what providers push, as it came. */
export const startPushReceiver = async (): Promise<PushReceiver> => {
  const pushes: PushReceiver['pushes'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      pushes.push({ path: request.url ?? '', headers, body: Buffer.concat(chunks) });
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, pushes },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};
