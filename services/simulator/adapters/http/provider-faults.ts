import type { FastifyReply } from 'fastify';
import type { World } from '../../app/ports.ts';
import type { HandlerFault } from '../../domain/settings.ts';
import { garbled, hang, htmlError, reset } from './spoil-reply.ts';

/** What gates in front of a site say, by status. */
const pages = {
  200: 'Just a moment...',
  402: '402 Payment Required',
  403: 'Error 1020: Access denied',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  502: '502 Bad Gateway',
  503: '503 Service Temporarily Unavailable',
} as const;
const page = (reply: FastifyReply, status: keyof typeof pages): FastifyReply => htmlError(reply, status, pages[status]);

/** The answer of a fault of the way to the provider, which keeps the request from taking any effect; undefined for other faults. */
export const refuseOnTheWay = (world: World, reply: FastifyReply, fault: HandlerFault): FastifyReply | undefined => {
  switch (fault) {
    case 'http_402':
      return page(reply, 402);
    case 'http_403':
      return page(reply, 403);
    case 'http_429':
      return page(reply, 429);
    case 'http_500':
      return page(reply, 500);
    case 'http_503':
      return page(reply, 503);
    case 'html':
      return page(reply, 200);
    case 'garbled':
      return garbled(reply);
    case 'empty':
      return reply.code(200).type('text/plain').send('');
    case 'timeout':
      hang(reply, world.settings.handlerApi.hangMs);
      return reply;
    case 'reset':
      reset(reply);
      return reply;
    default:
      return undefined;
  }
};

/** Spoils the answer of a request that has taken effect; undefined when the true answer goes out. */
export const spoilAnswer = (world: World, reply: FastifyReply, fault: HandlerFault): FastifyReply | undefined => {
  switch (fault) {
    case 'timeout_after_buy':
      hang(reply, world.settings.handlerApi.hangMs);
      return reply;
    case 'reset_after_buy':
      reset(reply);
      return reply;
    case 'garbled_after_buy':
      return garbled(reply);
    case 'empty_after_buy':
      return reply.code(200).type('text/plain').send('');
    case 'html_after_buy':
      return page(reply, 200);
    case 'http_402_after_buy':
      return page(reply, 402);
    case 'http_403_after_buy':
      return page(reply, 403);
    case 'http_429_after_buy':
      return page(reply, 429);
    case 'http_502_after_buy':
      return page(reply, 502);
    default:
      return undefined;
  }
};
