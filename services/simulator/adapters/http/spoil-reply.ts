import type { FastifyReply } from 'fastify';

/** Keeps the client waiting without an answer, then cuts the connection. */
export const hang = (reply: FastifyReply, hangMs: number): void => {
  reply.hijack();
  const timer = setTimeout(() => reply.raw.destroy(), hangMs);
  reply.raw.once('close', () => clearTimeout(timer));
};

/** The connection breaks: the client sees a reset, no answer. */
export const reset = (reply: FastifyReply): void => {
  reply.hijack();
  const { socket } = reply.raw;
  if (socket === null) reply.raw.destroy();
  else socket.resetAndDestroy();
};

/** What a proxy in front of a site in trouble sends. */
export const htmlError = (reply: FastifyReply, status: number, title: string): FastifyReply =>
  reply
    .code(status)
    .type('text/html; charset=utf-8')
    .headers(status === 429 ? { 'retry-after': '1' } : {})
    .send(
      `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><center><h1>${title}</h1></center><hr><center>cloudflare</center></body></html>\n`,
    );

/** Half of a compressed page that lost its headers. */
export const garbled = (reply: FastifyReply): FastifyReply =>
  reply
    .code(200)
    .type('text/plain; charset=utf-8')
    .send('\u001f\u008b\u0008ACCESS_NUM\u0000\u0000BER:<br />\n<b>Warning</b>: Undefined array key "id" in');

/**
 * Waits in real time, not on the agenda: a reset of the world must not leave a request without an answer.
 * @returns a promise only when there is something to wait for, so that the hot path stays synchronous
 */
export const latency = (latencyMs: number): Promise<void> | undefined =>
  latencyMs > 0 ? new Promise((resolve) => setTimeout(resolve, latencyMs)) : undefined;
