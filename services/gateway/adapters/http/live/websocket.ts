import type { WebSocket } from '@fastify/websocket';
import { endReasons, lingerMs, type EndReason, type Frame, type Sink } from './sink.ts';

/** Above this, the next send waits for the last one. */
const highWaterBytes = 64 * 1_024;

const text = ({ name, cursor, json }: Frame): string => `{"type":"${name}","lastEventId":"${cursor}","event":${json}}`;

export const webSocketSink = (socket: WebSocket): Sink => {
  let closed = false;
  let ended: EndReason | undefined;
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  socket.once('close', () => {
    closed = true;
  });
  // Told by 'close' as well.
  socket.on('error', () => {});
  const write = async (messages: readonly string[]): Promise<void> => {
    if (closed || messages.length === 0) return;
    const last = messages.at(-1) ?? '';
    for (const message of messages.slice(0, -1)) socket.send(message);
    await new Promise<void>((resolve) => {
      socket.send(last, () => resolve());
      if (socket.bufferedAmount < highWaterBytes) resolve();
      else socket.once('close', () => resolve());
    });
  };
  return {
    transport: 'websocket',
    closed: () => closed,
    ended: () => ended,
    send: (frames) => write(frames.map(text)),
    beat: async (cursor) => {
      // Silent since the last beat: nobody is there any more.
      if (!answered) socket.terminate();
      else {
        answered = false;
        socket.ping();
        await write([`{"type":"stream.beat","lastEventId":"${cursor}"}`]);
      }
    },
    end: (reason, retryMs) => {
      if (closed) return;
      closed = true;
      ended = reason;
      if (reason !== 'finished') socket.send(JSON.stringify({ type: 'stream.end', event: { reason, retryMs } }));
      socket.close(endReasons[reason], reason);
      setTimeout(() => socket.terminate(), lingerMs).unref();
    },
    onClose: (listener) => void socket.once('close', listener),
  };
};
