import type { FastifyReply } from 'fastify';
import type { World } from '../../app/ports.ts';
import { chooseFault } from '../../domain/choose-fault.ts';
import type { CreateFault } from '../../domain/settings.ts';
import { hang, htmlError, latency, reset } from './spoil-reply.ts';

type Spoil = (world: World, reply: FastifyReply) => void;
const plainStatus: Partial<Record<CreateFault, [number, string]>> = {
  http_429: [429, '429 Too Many Requests'],
  http_500: [500, '500 Internal Server Error'],
  http_503: [503, '503 Service Unavailable'],
};
const cut: Spoil = (_, reply) => reset(reply);
const wait: Spoil = (world, reply) => hang(reply, world.settings.payments.hangMs);
const before: Partial<Record<CreateFault, Spoil>> = { timeout: wait, reset: cut };
const after: Partial<Record<CreateFault, Spoil>> = {
  timeout_after_create: wait,
  reset_after_create: cut,
  http_500_after_create: (_, reply) => void htmlError(reply, 500, '500 Internal Server Error'),
};

/** What may go wrong with any payment protocol, by the same settings. */
export interface PaymentFaults {
  /** @returns true when the request has been dealt with */
  meetOutage(reply: FastifyReply): Promise<boolean>;
  /** @param act has the effect and returns how to tell of it; a fault prevents the effect, or only the telling */
  create(reply: FastifyReply, act: () => () => FastifyReply): FastifyReply | Promise<FastifyReply>;
}

export const paymentFaults = (world: World): PaymentFaults => {
  const faults = world.random.stream('payments/create_faults');
  return {
    meetOutage: async (reply) => {
      const { outage, latencyMs } = world.settings.payments;
      if (outage === 'reset') reset(reply);
      if (outage === '503') await htmlError(reply, 503, '503 Service Unavailable');
      if (outage !== 'off') return true;
      await latency(latencyMs);
      return false;
    },
    create: (reply, act) => {
      const { nextCreateFaults, createFaultRatios } = world.settings.payments;
      const fault = chooseFault(nextCreateFaults, createFaultRatios, faults) ?? 'none';
      const status = plainStatus[fault];
      if (status !== undefined) return htmlError(reply, ...status);
      const spoilBefore = before[fault];
      if (spoilBefore !== undefined) {
        spoilBefore(world, reply);
        return reply;
      }
      const tell = act();
      const spoilAfter = after[fault];
      if (spoilAfter === undefined) return tell();
      spoilAfter(world, reply);
      return reply;
    },
  };
};
