import { appError, type FieldViolation } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { formatDecimal, maxMicros, type Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { isProduct, walletCurrency } from '../../domain/ledger.ts';
import { codePattern, normalCode, type Promotion, type PromotionKind, promotionKinds } from '../../domain/prices/promotion.ts';
import { canonicalRequest } from '../canonical-request.ts';
import { check, checkKey, refuseInvalid } from '../checks.ts';
import type { Promotions } from './ports.ts';

export interface NewPromotion {
  readonly idempotencyKey: string;
  readonly code: string;
  readonly kind: string;
  readonly percentPpm: number;
  readonly amount: Money | undefined;
  readonly products: readonly string[];
  readonly minimum: Money | undefined;
  readonly firstPurchaseOnly: boolean;
  readonly startsAt: Date | undefined;
  readonly endsAt: Date | undefined;
  readonly totalLimit: number;
  readonly tenantLimit: number;
  readonly benefitDays: number;
}

/** More would be a slip of the finger: a credit to every tenant that knows the code. */
const maxAmountMicros = 1_000_000_000n;
const maxBenefitDays = 366;
const maxLimit = 10_000_000;

const isKind = (text: string): text is PromotionKind => (promotionKinds as readonly string[]).includes(text);
const between = (value: number, low: number, high: number, field: string): FieldViolation | undefined =>
  check(Number.isInteger(value) && value >= low && value <= high, field, `${low} to ${high}.`);
const amountViolation = (amount: Money | undefined, wanted: boolean, low: bigint, high: bigint, field: string) => {
  if (amount === undefined) return check(!wanted, field, 'Is needed.');
  if (!wanted) return check(amount.micros === 0n, field, 'Not of this kind.');
  if (amount.currency !== walletCurrency) return { field: `${field}.currency`, reason: `Only ${walletCurrency} for now.` };
  return check(amount.micros >= low && amount.micros <= high, field, `${formatDecimal(low)} to ${formatDecimal(high)}.`);
};

/**
 * A new code.
 * @param by the operator
 * @throws request.invalid, also when the code is taken · request.idempotency_conflict
 */
export const createPromotion =
  ({ promotions, clock }: { readonly promotions: Promotions; readonly clock: Clock }) =>
  async (by: string, request: NewPromotion): Promise<Promotion> => {
    const { idempotencyKey, kind, percentPpm, amount, products, minimum, startsAt, endsAt } = request;
    const now = clock.now();
    const code = normalCode(request.code);
    if (!isKind(kind)) throw appError('request.invalid', { fields: [{ field: 'kind', reason: `One of ${promotionKinds.join(', ')}.` }] });
    const from = startsAt ?? now;
    refuseInvalid(
      checkKey(idempotencyKey),
      check(codePattern.test(code), 'code', '3 to 40 letters, digits and dashes.'),
      kind === 'percent' ? between(percentPpm, 1, 1_000_000, 'percent_ppm') : check(percentPpm === 0, 'percent_ppm', 'Not of this kind.'),
      amountViolation(amount, kind !== 'percent', 1n, maxAmountMicros, 'amount'),
      minimum === undefined ? undefined : amountViolation(minimum, true, 0n, maxMicros, 'minimum'),
      check(products.every(isProduct) && products.length <= 10, 'products', 'Products of the platform, each once.'),
      check(kind !== 'credit' || products.length === 0, 'products', 'A credit may be spent on everything.'),
      check(endsAt === undefined || endsAt > from, 'ends_at', 'Must be later than the beginning.'),
      between(request.totalLimit, 0, maxLimit, 'total_limit'),
      between(request.tenantLimit, 0, maxLimit, 'tenant_limit'),
      check(
        kind !== 'credit' || (request.totalLimit > 0 && request.tenantLimit > 0),
        'total_limit',
        'A credit needs both limits: it is money given away.',
      ),
      between(request.benefitDays, 0, kind === 'credit' ? 0 : maxBenefitDays, 'benefit_days'),
    );
    const promotion: Promotion = {
      ...{ id: newId(), code, kind, percentPpm: BigInt(percentPpm), amountMicros: amount?.micros ?? 0n, currency: walletCurrency },
      ...{ products: [...new Set(products)], minimumMicros: minimum?.micros ?? 0n, firstPurchaseOnly: request.firstPurchaseOnly },
      ...{ startsAt: from, endsAt, totalLimit: request.totalLimit, tenantLimit: request.tenantLimit, benefitDays: request.benefitDays },
      ...{ redeemed: 0, createdBy: by, createdAt: now },
    };
    const result = await promotions.add(promotion, { idempotencyKey, request: requestOf(request, code) });
    if (result.outcome === 'idempotency_conflict') throw appError('request.idempotency_conflict');
    if (result.outcome === 'code_taken')
      throw appError('request.invalid', { fields: [{ field: 'code', reason: 'There is such a code.' }] });
    return result.promotion;
  };

const requestOf = (request: NewPromotion, code: string): string => {
  const { kind, percentPpm, amount, products, minimum, firstPurchaseOnly, startsAt, endsAt, totalLimit, tenantLimit, benefitDays } =
    request;
  const numbers = [percentPpm, totalLimit, tenantLimit, benefitDays].map(String);
  const times = [startsAt, endsAt].map((at) => at?.toISOString() ?? '');
  return canonicalRequest(
    code,
    kind,
    amount?.micros ?? 0n,
    minimum?.micros ?? 0n,
    firstPurchaseOnly,
    products.join(),
    ...numbers,
    ...times,
  );
};
