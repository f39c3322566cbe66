import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import { type BooksUnderTest, capturing, charging, granting, placing, refunding, releasing, start } from './books.contract.ts';

/** One random step. Indices point into the steps or holds so far, so that repetitions and races of keys happen. */
export type Step =
  | { readonly kind: 'grant' | 'place' | 'charge'; readonly micros: bigint; readonly minutes: number }
  | { readonly kind: 'refund'; readonly charge: number; readonly micros: bigint }
  | { readonly kind: 'capture'; readonly hold: number; readonly micros: bigint; readonly final: boolean }
  | { readonly kind: 'release' | 'giveBack'; readonly hold: number }
  | { readonly kind: 'collect'; readonly hold: number; readonly upTo: bigint; readonly final: boolean }
  | { readonly kind: 'extend'; readonly hold: number; readonly minutes: number }
  | { readonly kind: 'pass'; readonly minutes: number }
  | { readonly kind: 'repeat' | 'misuse'; readonly step: number };

const micros = fc.bigInt({ min: 1n, max: 60n });
const index = fc.nat(200);
const minutes = fc.integer({ min: 1, max: 90 });
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('grant' as const), micros, minutes }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('charge' as const), micros, minutes }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('refund' as const), charge: index, micros }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('place' as const), micros, minutes }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('capture' as const), hold: index, micros, final: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('release' as const, 'giveBack' as const), hold: index }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('collect' as const),
        hold: index,
        upTo: fc.bigInt({ min: 0n, max: 90n }),
        final: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('extend' as const), hold: index, minutes }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), minutes: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('repeat' as const, 'misuse' as const), step: index }) },
  ),
  { minLength: 80, maxLength: 160 },
);

/** A step made concrete: run it on any implementation. @returns the answer as comparable text */
type Command = (books: BooksUnderTest) => Promise<unknown>;

/** Turns random steps into commands with fixed ids and keys, so that two implementations can be given the very same. */
export const commandsOf = (tenantId: string, chosen: readonly Step[]): readonly { readonly step: Step; readonly run: Command }[] => {
  const holdIds: string[] = [];
  const chargeIds: string[] = [];
  const made: { step: Step; run: Command; misuse?: Command }[] = [];
  let now = start;
  const holdAt = (at: number): string => holdIds[at % Math.max(holdIds.length, 1)] ?? newId();
  const wrong = 'another request';
  for (const step of chosen) {
    switch (step.kind) {
      case 'grant': {
        // A third is for good; the rest expires, some of it while holds are open.
        const expiresAt = step.minutes % 3 === 0 ? undefined : addMs(now, step.minutes * minuteMs);
        const command = { ...granting(tenantId, step.micros), priority: (step.minutes % 4) + 1, expiresAt, now };
        made.push({ step, run: (books) => books.grant(command), misuse: (books) => books.grant({ ...command, request: wrong }) });
        break;
      }
      case 'charge': {
        const command = { ...charging(tenantId, step.micros), now };
        chargeIds.push(command.transferId);
        made.push({ step, run: (books) => books.charge(command), misuse: (books) => books.charge({ ...command, request: wrong }) });
        break;
      }
      case 'refund': {
        const charge = chargeIds[step.charge % Math.max(chargeIds.length, 1)] ?? newId();
        const command = { ...refunding(tenantId, charge, step.micros), now };
        made.push({ step, run: (books) => books.refund(command), misuse: (books) => books.refund({ ...command, request: wrong }) });
        break;
      }
      case 'place': {
        const command = { ...placing(tenantId, step.micros), now, expiresAt: addMs(now, step.minutes * minuteMs) };
        holdIds.push(command.holdId);
        made.push({ step, run: (books) => books.place(command), misuse: (books) => books.place({ ...command, request: wrong }) });
        break;
      }
      case 'capture': {
        const command = { ...capturing(tenantId, holdAt(step.hold), step.micros, step.final), now };
        made.push({ step, run: (books) => books.capture(command), misuse: (books) => books.capture({ ...command, request: wrong }) });
        break;
      }
      case 'release': {
        const command = { ...releasing(tenantId, holdAt(step.hold)), now };
        made.push({ step, run: (books) => books.release(command), misuse: (books) => books.release({ ...command, request: wrong }) });
        break;
      }
      case 'giveBack': {
        const command = { tenantId, holdId: holdAt(step.hold), now };
        made.push({ step, run: (books) => books.giveBack(command) });
        break;
      }
      case 'collect': {
        const command = { tenantId, holdId: holdAt(step.hold), upToMicros: step.upTo, final: step.final, now };
        made.push({ step, run: (books) => books.collect(command) });
        break;
      }
      case 'extend': {
        const command = { tenantId, holdId: holdAt(step.hold), expiresAt: addMs(now, step.minutes * minuteMs) };
        made.push({ step, run: (books) => books.extend(command) });
        break;
      }
      case 'pass': {
        now = addMs(now, step.minutes * minuteMs);
        const at = now;
        made.push({ step, run: async (books) => void (await books.expireDue(at, 1_000), await books.lapseDue(at, undefined, 1_000)) });
        break;
      }
      case 'repeat':
      case 'misuse': {
        const before = made[step.step % Math.max(made.length, 1)];
        const run = step.kind === 'repeat' ? before?.run : before?.misuse;
        if (before !== undefined && run !== undefined) made.push({ step: before.step, run });
        break;
      }
    }
  }
  return made;
};
