/**
 * Reads over HTTP for a fifth of what a client library takes: beside a server that answers from memory, the library is what is measured,
 * and it takes the longer the more headers an answer has. One request at a time on each connection; answers say their length.
 */
import { connect, type Socket } from 'node:net';

export interface LeanClient {
  /** @returns the status */
  get(path: string): Promise<number>;
  close(): void;
}

const endOfHeaders = '\r\n\r\n';
const lengthOf = (head: string): number => Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);

/** Sends one request after another on its connection. */
const open = async (host: string, port: number, headers: string) => {
  const socket: Socket = connect({ host, port, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let waiting: { resolve(status: number): void; reject(error: Error): void } | undefined;
  let received = '';
  const fail = (error: Error): void => waiting?.reject(error);
  socket.setEncoding('latin1');
  socket.on('error', fail).on('close', () => fail(new Error('the server hung up')));
  socket.on('data', (chunk: string) => {
    received += chunk;
    const headEnd = received.indexOf(endOfHeaders);
    if (headEnd < 0) return;
    const length = lengthOf(received.slice(0, headEnd + 2));
    if (Number.isNaN(length)) return fail(new Error('an answer without its length'));
    if (received.length < headEnd + endOfHeaders.length + length) return;
    const status = Number(received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    received = '';
    waiting?.resolve(status);
  });
  return {
    get: (path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(`GET ${path} HTTP/1.1\r\n${headers}\r\n`, 'latin1');
      }),
    close: () => void socket.destroy(),
  };
};

/** @param connections as many as there are requests at once */
export const leanClient = async (url: string, connections: number, headers: Readonly<Record<string, string>>): Promise<LeanClient> => {
  const { host, hostname, port } = new URL(url);
  const sent = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const all = await Promise.all(Array.from({ length: connections }, () => open(hostname, Number(port), sent.join(''))));
  const free = [...all];
  return {
    get: async (path) => {
      const connection = free.pop();
      if (connection === undefined) throw new Error('more requests at once than connections');
      const status = await connection.get(path);
      free.push(connection);
      return status;
    },
    close: () => {
      for (const { close } of all) close();
    },
  };
};
