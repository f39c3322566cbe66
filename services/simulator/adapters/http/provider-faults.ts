import type { FastifyReply } from 'fastify';
import type { World } from '../../app/ports.ts';
import type { HandlerFault } from '../../domain/settings.ts';
import { garbled, hang, htmlError, reset } from './spoil-reply.ts';

/** The answer of a fault of the way to the provider, which keeps the request from taking any effect; undefined for other faults. */
export const refuseOnTheWay = (world: World, reply: FastifyReply, fault: HandlerFault): FastifyReply | undefined => {
  switch (fault) {
    case 'http_402':
      return htmlError(reply, 402, '402 Payment Required');
    case 'http_403':
      return htmlError(reply, 403, 'Error 1020: Access denied');
    case 'http_429':
      return htmlError(reply, 429, '429 Too Many Requests');
    case 'http_500':
      return htmlError(reply, 500, '500 Internal Server Error');
    case 'http_503':
      return htmlError(reply, 503, '503 Service Temporarily Unavailable');
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
    case 'http_502_after_buy':
      return htmlError(reply, 502, '502 Bad Gateway');
    default:
      return undefined;
  }
};
