import { appError, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import { type Batch, type BatchItem, moveBatch } from '../../domain/bulk/batch.ts';
import { currency, offerOf, refuseAbove } from '../../domain/catalogue.ts';
import { refuseBlocked } from '../policy/refuse-blocked.ts';
import type { BulkPorts } from './ports.ts';
import { type BatchView, batchView } from './view.ts';

export interface WantedItem {
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  readonly operator: string;
  readonly areaCode: string;
  /** How many numbers of this kind. */
  readonly count: number;
  /** Of one number. */
  readonly maxPrice: Money | undefined;
  /** Names. */
  readonly excludedProviders?: readonly string[];
  readonly preferredProviders?: readonly string[];
}

export interface CreateBatchRequest {
  readonly tenantId: string;
  /** Empty: this request is never repeated. */
  readonly idempotencyKey: string;
  readonly items: readonly WantedItem[];
  /** Who asks: user:<id> or key:<id>. */
  readonly actor?: string;
}

export const maxNumbers = 100;
const maxKeyLength = 255;

/**
 * Takes an order of many numbers: prices → rows → one hold for the sum. What cannot be sold fails by itself, the rest is bought in the
 * background. Without credit for the sum nothing is bought at all.
 * @throws request.invalid, request.idempotency_conflict, billing.insufficient_credit | spending_paused | budget_exhausted,
 *   platform.unavailable (repeat with the same key)
 */
export const createBatch =
  (ports: BulkPorts) =>
  async (request: CreateBatchRequest): Promise<BatchView> => {
    refuseUncountable(request);
    const requestHash = hashOf(request);
    const known = request.idempotencyKey === '' ? undefined : await ports.batches.findByKey(request.tenantId, request.idempotencyKey);
    const batch = known ?? (await write(ports, request, requestHash));
    if (batch.requestHash !== requestHash) throw appError('request.idempotency_conflict');
    const taken = batch.state === 'reserving' ? await reserve(ports, batch) : batch;
    // One that was given up because its process died is an answer, not an error: "unavailable" would have its caller repeat it for ever.
    if (taken.state === 'failed' && taken.reason !== undefined && taken.reason !== 'platform.unavailable') throw appError(taken.reason);
    return batchView(taken, await ports.batches.progress(taken));
  };

const refuseUncountable = ({ idempotencyKey, items }: CreateBatchRequest): void => {
  const fields = [
    ...(idempotencyKey.length > maxKeyLength ? [{ field: 'idempotencyKey', reason: `At most ${maxKeyLength} characters.` }] : []),
    ...items.flatMap(({ count }, index) =>
      Number.isInteger(count) && count >= 1 && count <= maxNumbers
        ? []
        : [{ field: `items[${index}].count`, reason: `From 1 to ${maxNumbers}.` }],
    ),
  ];
  const total = items.reduce((sum, { count }) => sum + count, 0);
  if (total < 1 || total > maxNumbers) fields.push({ field: 'items', reason: `Ask for 1 to ${maxNumbers} numbers in all.` });
  if (fields.length > 0) throw appError('request.invalid', { fields });
};

/** What the customer said, not what it came to. */
const hashOf = ({ items }: CreateBatchRequest): string =>
  items
    .map(({ service, country, capability, operator, areaCode, count, maxPrice, excludedProviders = [], preferredProviders = [] }) =>
      [
        ...[service.toLowerCase(), country.toUpperCase(), capability || 'sms', operator, areaCode, String(count)],
        maxPrice ? `${maxPrice.currency}:${maxPrice.micros}` : '',
        // What is left out adds nothing: orders from before it could be asked for keep their hash.
        ...(excludedProviders.length > 0 ? [`without:${excludedProviders.toSorted().join(',')}`] : []),
        ...(preferredProviders.length > 0 ? [`rather:${preferredProviders.toSorted().join(',')}`] : []),
      ].join('|'),
    )
    .join('\n');

/** @returns the new batch, or the one that came first under this key */
const write = async (ports: BulkPorts, request: CreateBatchRequest, requestHash: string): Promise<Batch> => {
  const id = newId();
  const { tenantId, idempotencyKey } = request;
  const priced = await Promise.all(request.items.map((wanted, index) => price(ports, tenantId, wanted, `items[${index}]`)));
  const items = priced
    .flatMap((item, index) => Array.from({ length: request.items[index]?.count ?? 0 }, () => item))
    .map((item, index): BatchItem => ({ ...item, batchId: id, tenantId, position: index + 1, verificationId: undefined, attempts: 0 }));
  const createdAt = ports.clock.now();
  const batch: Batch = {
    id,
    tenantId,
    idempotencyKey: idempotencyKey || `auto:${id}`,
    requestHash,
    state: 'reserving',
    version: 1,
    currency,
    amountMicros: items.reduce((sum, { priceMicros = 0n }) => sum + priceMicros, 0n),
    actor: request.actor ?? '',
    holdId: undefined,
    holdOpen: false,
    cancelAskedAt: undefined,
    reason: undefined,
    createdAt,
    buyUntil: addMs(createdAt, ports.timing.buyMs),
    endedAt: undefined,
    dueAt: addMs(createdAt, 2 * ports.timing.reserveMs),
    attempts: 0,
  };
  return (await ports.batches.create(batch, items)) ?? batch;
};

type Priced = Omit<BatchItem, 'batchId' | 'tenantId' | 'position' | 'verificationId' | 'attempts'>;

/** What cannot be sold is an item that has failed; when nobody can say, there is no batch. */
const price = async (ports: BulkPorts, tenantId: string, wanted: WantedItem, field: string): Promise<Priced> => {
  const { service, country, capability, operator, areaCode, maxPrice, excludedProviders = [], preferredProviders = [] } = wanted;
  const wishes = { excludedProviders, preferredProviders };
  try {
    const offer = offerOf(ports.purchases.catalogue, wanted);
    await refuseBlocked(ports.purchases, tenantId, offer);
    const quote = await ports.purchases.prices.quote(tenantId, offer);
    refuseAbove(maxPrice, quote.price);
    const chosen = { operator: offer.operator, areaCode: offer.areaCode };
    return {
      ...{ service: offer.service.code, country: offer.country.code, capability: offer.capability, ...chosen },
      ...{ ...wishes, priceMicros: quote.price.micros, quoteId: quote.id, state: 'pending', reason: undefined },
    };
  } catch (error) {
    if (!isAppError(error) || error.row.owner === 'platform' || error.row.owner === 'capacity') throw error;
    // A mistake in how it is asked for, not in what: the whole request is wrong.
    if (error.code === 'request.invalid')
      throw appError('request.invalid', { fields: error.fields.map((each) => ({ ...each, field: `${field}.${each.field}` })) });
    return {
      ...{ service: service.toLowerCase(), country: country.toUpperCase(), capability: capability || 'sms', operator, areaCode },
      ...{ ...wishes, priceMicros: undefined, quoteId: undefined, state: 'failed', reason: error.code },
    };
  }
};

/**
 * Reserves the sum. Asked again, also by a repetition of the request whose first process died: it is one hold under one key.
 * @returns the batch afterwards
 */
const reserve = async (ports: BulkPorts, batch: Batch): Promise<Batch> => {
  const now = ports.clock.now();
  const { batches, money, timing } = ports;
  if (batch.amountMicros === 0n) return settle(ports, batch, moveBatch(batch, 'buying', { dueAt: now }));
  const { total } = await batches.progress(batch);
  const answer = await money.reserve(batch, total, addMs(now, timing.reserveMs));
  switch (answer.kind) {
    case 'held':
      return settle(ports, batch, moveBatch(batch, 'buying', { holdId: answer.holdId, holdOpen: true, dueAt: ports.clock.now() }));
    case 'refused': {
      const failed = moveBatch(batch, 'failed', { reason: answer.error.code, endedAt: ports.clock.now() });
      const present = await settle(ports, batch, failed);
      if (present.state !== 'failed') return present;
      ports.observer.ended(present);
      throw answer.error;
    }
    case 'unknown':
      throw appError('platform.unavailable', { retryAfterMs: 1_000, cause: answer.error });
  }
};

/** A twin or recovery may have been faster: then what it made of the batch counts. */
const settle = async ({ batches }: BulkPorts, from: Batch, to: Batch): Promise<Batch> =>
  (await batches.save(from, to)) ? to : ((await batches.find(from.tenantId, from.id)) ?? to);
