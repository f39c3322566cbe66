import { type AppError, appError } from '#platform/errors/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs } from '#platform/time/index.ts';
import { change } from '../../domain/lifecycle.ts';
import { anotherCodePrice } from '../../domain/policies.ts';
import type { Verification } from '../../domain/verification.ts';
import type { Ports } from '../ports.ts';
import { type VerificationView, viewOf } from '../view.ts';
import { askProvider } from './await-another.ts';
import type { ReceivePorts } from '../receive-message.ts';

type Needs = ReceivePorts & Pick<Ports, 'ledger' | 'providers' | 'catalogue' | 'policies'>;

const turns = 8;

const unavailable = (message: string): AppError => appError('verification.another_code_unavailable', { message });

/**
 * Keeps a number that has had its code for one more. What that costs is data; it is reserved before the provider is asked and captured only
 * when the code comes. Asking again while it is waited for answers the same.
 * @throws request.not_found · verification.another_code_unavailable: before the first code, after the end, or as often as is allowed ·
 *   billing.insufficient_credit and what else billing refuses with · platform.unavailable: repeat it
 */
export const requestAnother =
  (ports: Needs) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<VerificationView> => {
    let unused: Reserved | undefined;
    for (let turn = 0; turn < turns; turn++) {
      const present = await ports.store.find(tenantId, id);
      if (!present) throw appError('request.not_found');
      if (present.state === 'retrying') return show(ports, present);
      const refused = refusalOf(ports, present);
      if (refused) {
        if (unused !== undefined) await giveBack(ports, present, unused);
        throw refused;
      }
      const { priceMicros, holdId } = await reserve(ports, present);
      // A message came meanwhile: this is about the one after it.
      if (unused !== undefined && unused.holdId !== holdId) await giveBack(ports, present, unused);
      const askedAt = ports.clock.now();
      // Should this process die now, the scheduler asks the provider.
      const dueAt = addMs(askedAt, 2 * ports.timing.providerTimeoutMs);
      const to = change(present, 'anotherAsked', { another: { askedAt, priceMicros, holdId }, dueAt });
      if (to && (await ports.store.save(present, to)) === 'saved') return show(ports, await asked(ports, to));
      unused = holdId === undefined ? undefined : { holdId, version: present.version };
    }
    throw appError('platform.overloaded', { retryAfterMs: 1_000 });
  };

/** For the code after this version. */
interface Reserved {
  readonly holdId: string;
  readonly version: number;
}

/** Unless another request was faster, which found the same hold and asked for the code with it: its end is that code's, or told by an event. */
const giveBack = async ({ store, ledger }: Needs, { tenantId, id }: Verification, { holdId, version }: Reserved): Promise<void> => {
  const next = (await store.changes(tenantId, id))?.find((change) => change.version === version + 1);
  if (next?.state !== 'retrying') await ledger.giveBack(tenantId, holdId);
};

const asked = async (ports: Needs, retrying: Verification): Promise<Verification> => {
  const after = await askProvider(ports, retrying);
  if (after === 'refused') throw unavailable('The provider gives no further code on this number.');
  return after;
};

const show = async (ports: Needs, verification: Verification): Promise<VerificationView> =>
  viewOf(ports.sealer, verification, await ports.store.messages(verification.tenantId, verification.id));

const refusalOf = ({ clock, policies }: Needs, { state, codes, expiresAt }: Verification): AppError | undefined => {
  if (state !== 'received') return unavailable(state === 'completed' ? 'The number has been given back.' : 'There is no first code yet.');
  if (codes >= policies.anotherCode.maxCodes) return unavailable(`A number has at most ${policies.anotherCode.maxCodes} codes.`);
  return expiresAt !== undefined && clock.now() >= expiresAt ? unavailable("The number's time is over.") : undefined;
};

/** Idempotent until the number changes: asking again, whoever asks, finds the same hold; it is in the name of whoever bought the number. */
const reserve = async (
  { ledger, catalogue, clock, timing, policies }: Needs,
  { id, tenantId, service, country, currency, priceMicros, codes, version, expiresAt, actor }: Verification,
): Promise<{ priceMicros: bigint; holdId: string | undefined }> => {
  const amount = anotherCodePrice(policies, service, money(currency, priceMicros));
  if (amount.micros === 0n) return { priceMicros: 0n, holdId: undefined };
  const name = `${catalogue.service(service)?.name ?? service} further code, ${catalogue.country(country)?.name ?? country}`;
  const now = clock.now();
  const answer = await ledger.placeHold({
    ...{ tenantId, verificationId: id, code: { position: codes + 1, askedAt: version }, amount, actor, description: name },
    ...{ quoteId: undefined, fromHoldId: undefined },
    expiresAt: addMs(expiresAt ?? now, timing.giveUpMs + timing.activationMs),
    deadline: addMs(now, timing.purchaseMs),
  });
  if (answer.kind === 'held') return { priceMicros: amount.micros, holdId: answer.holdId };
  throw answer.kind === 'refused' ? answer.error : appError('platform.unavailable', { retryAfterMs: 1_000, cause: answer.error });
};
