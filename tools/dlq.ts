/**
 * npm run dlq -- list [durable]
 * npm run dlq -- show <sequence>
 * npm run dlq -- replay <sequence…> | --all [durable] [--dry-run]
 *
 * Dead letters of the running platform; NATS_URL says where. A replay publishes the original again for its one durable
 * (others ignore it, and the inbox ignores what was handled after all), then removes the letter.
 */
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { listDeadLetters, readDeadLetter, replayDeadLetter, type StoredDeadLetter } from '#platform/messaging/dead-letter-store.ts';
import { openBus, type Bus } from '#platform/messaging/index.ts';

const usage = 'usage: dlq list [durable] | show <sequence> | replay <sequence…> [--dry-run] | replay --all [durable] [--dry-run]';

export interface Output {
  line(text: string): void;
}

const summary = ({ sequence, durable, subject, aggregateId, deliveries, diedAt, code, reason }: StoredDeadLetter): string =>
  [String(sequence).padStart(6), diedAt, durable, subject, aggregateId, `deliveries=${deliveries}`, code, reason].join('  ');

const sequenceOf = (text: string): number => {
  const sequence = Number(text);
  if (!Number.isInteger(sequence) || sequence < 1) throw new Error(`not a sequence number: ${text}\n${usage}`);
  return sequence;
};

const list = async (bus: Bus, out: Output, durable: string | undefined): Promise<void> => {
  let count = 0;
  for await (const letter of listDeadLetters(bus, durable)) {
    count++;
    out.line(summary(letter));
  }
  out.line(count === 0 ? 'no dead letters' : `${count} dead letters`);
};

const show = async (bus: Bus, out: Output, sequence: number): Promise<void> => {
  const letter = await readDeadLetter(bus, sequence);
  out.line(summary(letter));
  for (const [name, value] of Object.entries(letter.headers)) out.line(`  ${name}: ${value}`);
  out.line(letter.data);
};

const replay = async (bus: Bus, out: Output, sequences: readonly number[], dryRun: boolean): Promise<void> => {
  for (const sequence of sequences) {
    const letter = await readDeadLetter(bus, sequence);
    if (!dryRun) await replayDeadLetter(bus, letter);
    out.line(`${dryRun ? 'would replay' : 'replayed'}  ${summary(letter)}`);
  }
  out.line(`${sequences.length} dead letters ${dryRun ? 'would be replayed' : 'replayed'}`);
};

const sequencesOf = async (bus: Bus, durable: string | undefined): Promise<number[]> => {
  const all: number[] = [];
  for await (const { sequence } of listDeadLetters(bus, durable)) all.push(sequence);
  return all;
};

/** @throws Error with the usage when the arguments make no sense */
export const runDlq = async (args: readonly string[], bus: Bus, out: Output): Promise<void> => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { 'dry-run': { type: 'boolean' }, all: { type: 'boolean' } },
  });
  const [command, ...rest] = positionals;
  const [first] = rest;
  if (command === 'list') return list(bus, out, first);
  if (command === 'show' && first !== undefined) return show(bus, out, sequenceOf(first));
  if (command === 'replay' && (values.all === true || first !== undefined)) {
    const sequences = values.all === true ? await sequencesOf(bus, first) : rest.map(sequenceOf);
    return replay(bus, out, sequences, values['dry-run'] === true);
  }
  throw new Error(usage);
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const bus = await openBus({ url: process.env['NATS_URL'] ?? 'nats://127.0.0.1:18001', name: 'dlq' });
  try {
    await runDlq(process.argv.slice(2), bus, { line: (text) => console.log(text) });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    await bus.close();
  }
}
