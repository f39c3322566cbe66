import type { FastifyReply } from 'fastify';
import { lingerMs, type EndReason, type Frame, type Sink } from './sink.ts';

const block = ({ name, cursor, json }: Frame): string => `id: ${cursor}\nevent: ${name}\ndata: ${json}\n\n`;

/** Server-sent events. Takes the answer over from Fastify. */
export const sseSink = (reply: FastifyReply): Sink => {
  const { raw } = reply;
  // Perhaps the client has left already, while he was asked about: no event says so any more.
  let closed = raw.destroyed;
  let ended: EndReason | undefined;
  reply.hijack();
  const headers = reply.getHeaders() as Record<string, string>;
  raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.once('close', () => {
    closed = true;
  });
  const write = async (text: string): Promise<void> => {
    if (closed || raw.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        raw.off('drain', done);
        raw.off('close', done);
        resolve();
      };
      raw.once('drain', done);
      raw.once('close', done);
    });
  };
  void write('retry: 1000\n\n');
  return {
    transport: 'sse',
    closed: () => closed,
    ended: () => ended,
    send: (frames) => write(frames.map(block).join('')),
    // An id without data moves the client's last event id and dispatches nothing.
    beat: (cursor) => write(`: still here\nid: ${cursor}\n\n`),
    end: (reason, retryMs) => {
      if (closed) return;
      closed = true;
      ended = reason;
      raw.end(reason === 'finished' ? '' : `retry: ${retryMs}\nevent: stream.end\ndata: ${JSON.stringify({ reason, retryMs })}\n\n`);
      setTimeout(() => raw.destroy(), lingerMs).unref();
    },
    onClose: (listener) => void (raw.destroyed ? listener() : raw.once('close', listener)),
  };
};
