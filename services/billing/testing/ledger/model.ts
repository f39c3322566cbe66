import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import { type BooksUnderTest, capturing, charging, granting, placing, refunding, releasing, start } from './books.contract.ts';

/** One random step. Indices point into the steps, holds or charges so far, so that repetitions and races of keys happen. */
export type Step =
  | { readonly kind: 'grant' | 'place' | 'charge'; readonly micros: bigint; readonly minutes: number }
  | { readonly kind: 'refund'; readonly charge: number; readonly micros: bigint }
  | { readonly kind: 'capture'; readonly hold: number; readonly micros: bigint; readonly final: boolean }
  | { readonly kind: 'carve'; readonly hold: number; readonly micros: bigint; readonly minutes: number }
  | { readonly kind: 'release' | 'giveBack'; readonly hold: number }
  | { readonly kind: 'collect'; readonly hold: number; readonly upTo: bigint; readonly final: boolean }
  | { readonly kind: 'repeat' | 'misuse'; readonly step: number };

const micros = fc.bigInt({ min: 1n, max: 60n });
const index = fc.nat(200);
const minutes = fc.integer({ min: 1, max: 90 });
const final = fc.boolean();
const upTo = fc.bigInt({ min: 0n, max: 90n });
const kind = <K extends string>(...kinds: K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds);

/** At least 100, so that a number of runs is a number of operations. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: kind('grant'), micros, minutes }) },
    { weight: 6, arbitrary: fc.record({ kind: kind('place'), micros, minutes }) },
    { weight: 3, arbitrary: fc.record({ kind: kind('charge'), micros, minutes }) },
    { weight: 3, arbitrary: fc.record({ kind: kind('refund'), charge: index, micros }) },
    { weight: 5, arbitrary: fc.record({ kind: kind('capture'), hold: index, micros, final }) },
    { weight: 4, arbitrary: fc.record({ kind: kind('carve'), hold: index, micros, minutes }) },
    { weight: 2, arbitrary: fc.record({ kind: kind('release', 'giveBack'), hold: index }) },
    { weight: 4, arbitrary: fc.record({ kind: kind('collect'), hold: index, upTo, final }) },
    { weight: 3, arbitrary: fc.record({ kind: kind('repeat', 'misuse'), step: index }) },
  ),
  { minLength: 100, maxLength: 140 },
);

/** A step made concrete: run it on any implementation, at any time; a repetition comes later than the first. */
export type Command = (books: BooksUnderTest, now: Date) => Promise<unknown>;

/** The time of the n-th command: a minute each. */
export const timeOf = (position: number): Date => addMs(start, position * minuteMs);

/** Turns random steps into commands with fixed ids and keys, so that two implementations can be given the very same. */
export const commandsOf = (tenantId: string, chosen: readonly Step[]): readonly { readonly kind: string; readonly run: Command }[] => {
  const holdIds: string[] = [];
  const chargeIds: string[] = [];
  const made: { kind: string; run: Command; misuse?: Command }[] = [];
  const holdAt = (at: number): string => holdIds[at % Math.max(holdIds.length, 1)] ?? newId();
  const keyed = <C extends { request: string }>(
    name: string,
    command: C,
    run: (books: BooksUnderTest, command: C) => Promise<unknown>,
  ): void =>
    void made.push({
      kind: name,
      run: (books, now) => run(books, { ...command, now }),
      misuse: (books, now) => run(books, { ...command, now, request: 'another request' }),
    });
  const fact = (name: string, run: Command): void => void made.push({ kind: name, run });

  for (const [position, step] of chosen.entries()) {
    const later = (wait: number): Date => addMs(timeOf(position), wait * minuteMs);
    switch (step.kind) {
      case 'grant': {
        // A third is for good; the rest expires, some of it while holds are open.
        const expiresAt = step.minutes % 3 === 0 ? undefined : later(step.minutes);
        keyed('grant', { ...granting(tenantId, step.micros), priority: (step.minutes % 4) + 1, expiresAt }, (books, c) => books.grant(c));
        break;
      }
      case 'charge': {
        const command = charging(tenantId, step.micros);
        chargeIds.push(command.transferId);
        keyed('charge', command, (books, c) => books.charge(c));
        break;
      }
      case 'refund': {
        const charge = chargeIds[step.charge % Math.max(chargeIds.length, 1)] ?? newId();
        keyed('refund', refunding(tenantId, charge, step.micros), (books, c) => books.refund(c));
        break;
      }
      case 'place': {
        const command = placing(tenantId, step.micros, { expiresAt: later(step.minutes) });
        holdIds.push(command.holdId);
        keyed('place', command, (books, c) => books.place(c));
        break;
      }
      case 'carve': {
        const whole = holdAt(step.hold);
        const command = { ...placing(tenantId, step.micros, { expiresAt: later(step.minutes) }), fromHoldId: whole };
        holdIds.push(command.holdId);
        keyed('carve', command, (books, c) => books.carve(c));
        break;
      }
      case 'capture':
        keyed('capture', capturing(tenantId, holdAt(step.hold), step.micros, step.final), (books, c) => books.capture(c));
        break;
      case 'release':
        keyed('release', releasing(tenantId, holdAt(step.hold)), (books, c) => books.release(c));
        break;
      case 'giveBack': {
        const holdId = holdAt(step.hold);
        fact('giveBack', (books, now) => books.giveBack({ tenantId, holdId, now }));
        break;
      }
      case 'collect': {
        const about = { tenantId, holdId: holdAt(step.hold), upToMicros: step.upTo, final: step.final };
        fact('collect', (books, now) => books.collect({ ...about, now }));
        break;
      }
      case 'repeat':
      case 'misuse': {
        const before = made[step.step % Math.max(made.length, 1)];
        const run = step.kind === 'repeat' ? before?.run : before?.misuse;
        if (before !== undefined && run !== undefined) made.push({ kind: before.kind, run });
        break;
      }
    }
  }
  return made;
};
