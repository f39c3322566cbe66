import { formatDecimal } from '#platform/money/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { CancelOutcome, NumberProvider } from '../../app/ports.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { canReceive } from '../../domain/capability.ts';
import { canChoose } from '../../domain/choices.ts';
import { classifyAcquire, classifyAnother, classifyCancel, classifyFinish, classifyStatus } from './classify.ts';
import { createHandlerApiClient, type HandlerApiClient, type HandlerApiOptions } from './client.ts';
import { listActive } from './list-active.ts';

/** Its name in configuration, callbacks and rows. */
export const handlerApiName = 'handler-api';

const another = 3;
const finished = 6;
const cancelled = 8;

/** yes, no or unknown: what a dashboard wants to know of an outcome. */
const shortOf = (kind: string): string => (kind === 'unknown' ? 'unknown' : ['refused', 'early', 'absent'].includes(kind) ? 'no' : 'yes');

const cancel = async (client: HandlerApiClient, id: string): Promise<CancelOutcome> => {
  const outcome = classifyCancel(await client.call('setStatus', { id, status: cancelled }));
  if (outcome.kind !== 'ask') return outcome;
  const status = await statusOf(client, id);
  switch (status.kind) {
    case 'code':
      return { kind: 'code', message: status.message };
    case 'cancelled':
    case 'finished':
      return { kind: 'cancelled' };
    case 'absent':
      return { kind: 'absent' };
    case 'waiting':
      return { kind: 'early', retryAfterMs: undefined };
    case 'unknown':
      return status;
  }
};

/** V2 has the text; older clones only know the first version. */
const statusOf = async (client: HandlerApiClient, id: string) => {
  const answer = await client.call('getStatusV2', { id });
  const old = answer.kind === 'answered' && answer.body.trim() === 'BAD_ACTION';
  return classifyStatus(old ? await client.call('getStatus', { id }) : answer);
};

/** A provider of the SMS-Activate family (`stubs/handler_api.php`). */
export const createHandlerApiProvider = (
  options: HandlerApiOptions & { catalogue: Catalogue; metrics?: Metrics; cancelAfterMs?: number },
): NumberProvider & { close(): Promise<void> } => {
  const client = createHandlerApiClient(options);
  const serviceByCode = new Map(options.catalogue.services.map((row) => [row.providerCodes['handlerApi'], row.code]));
  const countryById = new Map(options.catalogue.countries.map((row) => [String(row.providerCodes['handlerApi']), row.code]));
  const requests = options.metrics?.counter('verification_provider_requests_total');

  const counted = async <T extends { readonly kind: string }>(operation: string, work: Promise<T>): Promise<T> => {
    const outcome = await work;
    requests?.inc({ provider: handlerApiName, operation, outcome: shortOf(outcome.kind) });
    return outcome;
  };

  return {
    name: handlerApiName,
    cancelAfterMs: options.cancelAfterMs ?? 0,
    acquire: async ({ orderId, service, country, maxPrice, chosen = {}, capability = 'sms' }) => {
      const serviceCode = service.providerCodes['handlerApi'];
      const countryId = country.providerCodes['handlerApi'];
      if (serviceCode === undefined || countryId === undefined || !canReceive('handlerApi', capability) || !canChoose('handlerApi', chosen))
        return { kind: 'refused', reason: 'not_offered', detail: 'no code of this provider' };
      const operator = chosen.operator?.providerCodes['handlerApi'];
      const order = { service: serviceCode, country: countryId, maxPrice: formatDecimal(maxPrice.micros), orderId };
      const parameters = operator === undefined ? order : { ...order, operator };
      return counted('acquire', client.call('getNumberV2', parameters).then(classifyAcquire));
    },
    status: (activationId) => counted('status', statusOf(client, activationId)),
    cancel: (activationId) => counted('cancel', cancel(client, activationId)),
    finish: (activationId) => counted('finish', client.call('setStatus', { id: activationId, status: finished }).then(classifyFinish)),
    requestAnother: (activationId) =>
      counted('another', client.call('setStatus', { id: activationId, status: another }).then(classifyAnother)),
    // The protocol's word for a bad number is the cancellation itself: "8, number already used, cancel".
    report: (activationId) => counted('report', cancel(client, activationId)),
    listActive: (since) => counted('listActive', listActive(client, { serviceByCode, countryById }, since)),
    close: () => client.close(),
  };
};
