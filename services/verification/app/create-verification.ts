import { type AppError, appError, type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import { codesOf, notSold, type Offer, offerOf, refuseAbove } from '../domain/catalogue.ts';
import { change } from '../domain/lifecycle.ts';
import { recoverAt } from '../domain/timing.ts';
import type { Decision } from '../domain/routing/decide.ts';
import { traceOf } from '../domain/routing/trace.ts';
import type { Reason, Verification } from '../domain/verification.ts';
import { deliverOrphans } from './deliver-orphans.ts';
import { holdFor } from './hold.ts';
import { acquireFit } from './policy/acquire-fit.ts';
import { refuseBlocked } from './policy/refuse-blocked.ts';
import { refusalError } from './policy/refusal.ts';
import type { NumberProvider, Ports, Quote, Refusal } from './ports.ts';
import { reconcilePurchase } from './reconcile-purchase.ts';
import { failOver, nextProvider } from './routing/fail-over.ts';
import { type Grant, settleFailed, settleGranted, type Settled } from './settle-purchase.ts';
import { type VerificationView, viewOf } from './view.ts';

export interface CreateVerificationRequest {
  readonly tenantId: string;
  /** Empty: this request is never repeated. */
  readonly idempotencyKey: string;
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  /** Empty or left out: any. */
  readonly operator?: string;
  readonly areaCode?: string;
  readonly maxPrice: Money | undefined;
  /** Of a quote that the customer has asked for; empty or left out: the price of the moment. */
  readonly quoteId?: string;
  /** Names of providers that are not to be asked. */
  readonly excludedProviders?: readonly string[];
  /** Names of those to be asked first. */
  readonly preferredProviders?: readonly string[];
  /** Names of those to be asked only when there is no other; no part of the request's identity. */
  readonly avoidedProviders?: readonly string[];
  /** The purchase that it replaces. */
  readonly retryOf?: string;
  /** Who asks: user:<id> or key:<id>. */
  readonly actor?: string;
  /** Of one item of a batch: its price was promised and its money reserved when the batch was taken, if it costs any. */
  readonly batch?: { readonly id: string; readonly quote: Quote; readonly holdId: string | undefined };
}

/**
 * How a failed purchase answers: the first time, and whenever its key is used again. One that was given up for good answers as the failed
 * verification that it is: no repetition under its key can change that.
 */
const errorOf: Readonly<Partial<Record<Reason, ErrorCode>>> = {
  no_numbers: 'verification.no_numbers',
  not_offered: 'verification.not_offered',
  insufficient_credit: 'billing.insufficient_credit',
  provider_unavailable: 'verification.provider_unavailable',
};

const reasonOf: Readonly<Record<Refusal, Reason>> = {
  no_numbers: 'no_numbers',
  price: 'no_numbers',
  not_offered: 'not_offered',
  account: 'provider_unavailable',
  unreachable: 'provider_unavailable',
};

const maxKeyLength = 255;
const holdAttempts = 3;
const holdRetryMs = 50;

/**
 * Buys a number: price → row → hold → provider → row. The row is written first, so that a crash at any later point leaves
 * something for recovery; the hold comes before the provider, so that no number is bought that nobody can pay.
 * Two statements on this path: the row, and its outcome together with its event; one more for each provider that refuses.
 * @throws verification.not_offered | service_blocked | kyc_required | switched_off | success_too_low | limit_reached | price_exceeded |
 *   no_numbers | provider_unavailable, billing.insufficient_credit, billing.quote_invalid, request.idempotency_conflict, platform.unavailable (repeat with the same key)
 */
export const createVerification =
  (ports: Ports) =>
  async (request: CreateVerificationRequest): Promise<VerificationView> => {
    if (request.idempotencyKey.length > maxKeyLength)
      throw appError('request.invalid', { fields: [{ field: 'idempotencyKey', reason: `At most ${maxKeyLength} characters.` }] });
    const bought = await buyOrReplay(ports, request);
    // The newest state is read back only where something has happened since.
    return viewOf(ports.sealer, bought, bought.sealedCode ? await ports.store.messages(bought.tenantId, bought.id) : []);
  };

/**
 * A purchase that was made before, when its offer was in the catalogue and had a price within the limit, is answered as it was then: what
 * catalogue and prices do since is of no consequence to it.
 */
const buyOrReplay = async (ports: Ports, request: CreateVerificationRequest): Promise<Verification> => {
  const { tenantId, idempotencyKey } = request;
  let offer: Offer;
  let quote: Quote;
  try {
    offer = offerOf(ports.catalogue, request);
    quote = await price(ports, request, offer);
  } catch (error) {
    const earlier = idempotencyKey === '' ? undefined : await ports.store.findByKey(tenantId, idempotencyKey);
    if (earlier === undefined) throw error;
    return replay(ports, earlier, requestHashOf(request));
  }
  return order(ports, request, offer, quote);
};

/** What it costs this tenant. */
const price = async (ports: Ports, request: CreateVerificationRequest, offer: Offer): Promise<Quote> => {
  const { tenantId, maxPrice, quoteId = '', batch } = request;
  if (batch !== undefined) return batch.quote;
  await refuseBlocked(ports, tenantId, offer);
  const quote = await (quoteId === '' ? ports.prices.quote(tenantId, offer) : ports.prices.named(tenantId, quoteId, offer));
  refuseAbove(maxPrice, quote.price);
  return quote;
};

const order = async (ports: Ports, request: CreateVerificationRequest, offer: Offer, quote: Quote): Promise<Verification> => {
  const id = newId();
  const { excludedProviders: excluded = [], preferredProviders: preferred = [], avoidedProviders: avoided = [] } = request;
  const wished = { id, offer, preferred, avoided };
  const well = ports.routes.decide({ ...wished, excluded: [...excluded, ...ports.policy.providersOff()] });
  // With nobody left but those that are switched off, the reservation is refused with that reason, and written down.
  const decision = well.order.length > 0 ? well : ports.routes.decide({ ...wished, excluded });
  if (decision.order.length === 0) return refuseUnrouted(ports, request, offer, decision);
  const verification = newVerification(ports, request, offer, quote, { id, decision });
  const reserved = await ports.store.reserve(verification, offer.service.policyClass);
  if (reserved.kind === 'refused') throw refusalError(reserved.refused);
  return reserved.kind === 'known' ? replay(ports, reserved.earlier, verification.requestHash) : purchase(ports, verification, offer);
};

/** Nobody may be asked: nothing is written, so that the same key may be used again. What it bought before stays bought. */
const refuseUnrouted = async (
  ports: Ports,
  request: CreateVerificationRequest,
  offer: Offer,
  { candidates }: Decision,
): Promise<Verification> => {
  const { tenantId, idempotencyKey } = request;
  const earlier = idempotencyKey === '' ? undefined : await ports.store.findByKey(tenantId, idempotencyKey);
  if (earlier) return replay(ports, earlier, requestHashOf(request));
  if (candidates.length === 0) throw notSold(offer);
  if (candidates.every(({ verdict }) => verdict === 'excluded'))
    throw appError('verification.not_offered', { fields: [{ field: 'excludeRoutes', reason: 'Every route to it is excluded.' }] });
  throw appError('verification.provider_unavailable', { retryAfterMs: 60_000 });
};

const newVerification = (
  ports: Ports,
  request: CreateVerificationRequest,
  offer: Offer,
  quote: Quote,
  { id, decision }: { readonly id: string; readonly decision: Decision },
): Verification => {
  const createdAt = ports.clock.now();
  const purchaseDeadline = addMs(createdAt, ports.timing.purchaseMs);
  return {
    id,
    tenantId: request.tenantId,
    idempotencyKey: request.idempotencyKey || `auto:${id}`,
    requestHash: requestHashOf(request),
    state: 'reserving',
    version: 1,
    service: offer.service.code,
    country: offer.country.code,
    capability: offer.capability,
    operator: offer.operator,
    areaCode: offer.areaCode,
    currency: quote.price.currency,
    priceMicros: quote.price.micros,
    quoteId: quote.id,
    fromHoldId: request.batch?.holdId,
    actor: request.actor ?? '',
    provider: decision.order[0] ?? '',
    route: traceOf(decision),
    activationId: undefined,
    providerCostMicros: undefined,
    phoneNumber: undefined,
    holdId: undefined,
    sealedCode: undefined,
    reason: undefined,
    createdAt,
    purchaseDeadline,
    expiresAt: undefined,
    receivedAt: undefined,
    endedAt: undefined,
    dueAt: recoverAt(purchaseDeadline, ports.timing),
    attempts: 0,
    retryOf: request.retryOf,
    cancellableAt: undefined,
    reportReason: undefined,
    codes: 0,
    another: undefined,
  };
};

/** What the customer said, not what it came to: a repetition after a change of prices is still the same request. */
const requestHashOf = (request: CreateVerificationRequest): string => {
  const { maxPrice: limit, quoteId = '', batch, excludedProviders = [], preferredProviders = [], retryOf = '' } = request;
  const { service, country, capability, operator, areaCode } = codesOf(request);
  const parts = [service, country, capability, limit ? `${limit.currency}:${limit.micros}` : ''];
  const named = (name: string, value: string): string[] => (value === '' ? [] : [`${name}:${value}`]);
  // What is left out adds nothing: rows from before it could be asked for keep their hash.
  const extras = [
    ...named('operator', operator),
    ...named('area', areaCode),
    ...named('batch', batch?.id ?? ''),
    ...named('without', excludedProviders.toSorted().join(',')),
    ...named('rather', preferredProviders.toSorted().join(',')),
    ...named('retry', retryOf),
  ];
  return [...parts, ...(quoteId === '' ? [] : [quoteId]), ...extras].join('|');
};

/** How long a repetition waits for the first one, in steps. */
const replayStepsMs = [20, 40, 80, 160, 300, 400, 500, 500] as const;

const replay = async (ports: Ports, first: Verification, requestHash: string): Promise<Verification> => {
  if (first.requestHash !== requestHash) throw appError('request.idempotency_conflict');
  let present = first;
  for (const ms of replayStepsMs) {
    if (present.state !== 'reserving') break;
    await ports.pause(ms);
    present = (await ports.store.find(first.tenantId, first.id)) ?? present;
  }
  const code = present.state === 'failed' && present.reason ? errorOf[present.reason] : undefined;
  if (code) throw appError(code);
  return present;
};

/**
 * Asks one provider after the other until one has a number. Only a refusal, which is certain, leads to the next one; an answer that got
 * lost never does: the number may have been bought.
 */
const purchase = async (ports: Ports, reserved: Verification, offer: Offer): Promise<Verification> => {
  const holdId = await hold(ports, reserved);
  const { service, country, capability, chosen, price } = offer;
  const refusals: Refusal[] = [];
  let verification = reserved;
  for (;;) {
    // Recovery may be at work on this row from now on: whoever comes late must not buy.
    if (ports.clock.now() >= verification.purchaseDeadline) {
      if (refusals.length === 0) throw appError('platform.unavailable', { retryAfterMs: 1_000 });
      return giveUp(ports, verification, holdId, refusals);
    }
    const provider = ports.providers.named(verification.provider);
    // Up to the list price: a discount is ours to give, and must not leave the customer with fewer numbers.
    const asked = verification;
    const answer = await acquireFit(ports, asked, provider, { service, country, maxPrice: price, chosen, capability }, (grant) =>
      write(ports, asked, grant, holdId),
    );
    ports.routes.answered(verification, answer);
    if (answer.kind === 'granted') return keep(ports, verification, provider, answer, holdId);
    if (answer.kind === 'unknown') return park(ports, verification, holdId);
    refusals.push(answer.reason);
    const next = nextProvider(verification);
    if (next === undefined) return giveUp(ports, verification, holdId, refusals);
    const moved = await failOver(ports, verification, next, answer);
    if (moved === undefined) return (await ports.store.find(verification.tenantId, verification.id)) ?? verification;
    verification = moved;
  }
};

/** What the customer is told: that there are no numbers, when anybody who is well says so. */
const weightiest: readonly Reason[] = ['no_numbers', 'provider_unavailable', 'not_offered'];

const giveUp = async (ports: Ports, verification: Verification, holdId: string, refusals: readonly Refusal[]): Promise<never> => {
  const said = new Set(refusals.map((refusal) => reasonOf[refusal]));
  const reason = weightiest.find((known) => said.has(known)) ?? 'provider_unavailable';
  await settleFailed(ports, verification, reason, holdId);
  throw appError(errorOf[reason] ?? 'verification.provider_unavailable', {
    ...(reason === 'not_offered' ? { fields: [{ field: 'service', reason: 'The provider does not offer it in this country.' }] } : {}),
    cause: refusals.join(', '),
  });
};

/** @returns the hold's id. @throws what billing refused with; platform.unavailable when it does not answer in time */
const hold = async (ports: Ports, verification: Verification): Promise<string> => {
  let silent: AppError | undefined;
  for (let attempt = 0; attempt < holdAttempts && ports.clock.now() < verification.purchaseDeadline; attempt++) {
    if (attempt > 0) await ports.pause(holdRetryMs * 2 ** attempt);
    const answer = await holdFor(ports, verification, verification.purchaseDeadline);
    if (answer.kind === 'held') return answer.holdId;
    if (answer.kind === 'refused') {
      const poor = isAppError(answer.error, 'billing.insufficient_credit');
      await settleFailed(ports, verification, poor ? 'insufficient_credit' : 'billing_refused', undefined);
      throw answer.error;
    }
    silent = answer.error;
  }
  throw appError('platform.unavailable', { retryAfterMs: 1_000, cause: silent });
};

/** Writes down what was bought. A write without answer is repeated: it is a compare-and-set, so it cannot happen twice. */
const write = (ports: Ports, verification: Verification, grant: Grant, holdId: string): Promise<Settled> => {
  const once = () => settleGranted(ports, verification, grant, holdId, ports.timing.pollFirstMs);
  return once().catch(once);
};

/** What becomes of a purchase whose number was granted, by what writing it down came to. */
const keep = async (
  ports: Ports,
  verification: Verification,
  provider: NumberProvider,
  { settled, ...grant }: Grant & { readonly settled: Settled },
  holdId: string,
): Promise<Verification> => {
  if ('verification' in settled) {
    if (settled.outcome === 'saved') return settled.verification;
    await deliverOrphans(ports)();
    return (await ports.store.find(verification.tenantId, verification.id)) ?? settled.verification;
  }
  // Two lost purchases of the same kind may have swapped their activations: look for ours like for any lost one.
  if (settled.outcome === 'claimed') return park(ports, verification, holdId);
  const present = await ports.store.find(verification.tenantId, verification.id);
  if (present && (present.activationId === grant.activationId || present.state === 'unknown')) return present;
  // Recovery gave this purchase up while its process stood still. The customer has the money back: so must we.
  ports.observer.leak(verification, 'granted after recovery had given up');
  await provider.cancel(grant.activationId);
  throw appError('verification.provider_unavailable', { retryAfterMs: 1_000 });
};

const park = async (ports: Ports, verification: Verification, holdId: string): Promise<Verification> => {
  // The scheduler takes over should this process die while it asks.
  const lost = change(verification, 'lost', { holdId, dueAt: addMs(ports.clock.now(), 2 * ports.timing.providerTimeoutMs) });
  if (!lost || (await ports.store.save(verification, lost)) !== 'saved')
    return (await ports.store.find(verification.tenantId, verification.id)) ?? verification;
  ports.observer.reached(lost);
  return (await reconcilePurchase(ports)(lost)) ?? lost;
};
