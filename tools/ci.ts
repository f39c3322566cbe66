/**
 * Everything that CI runs, what needs types beside the others: `node tools/ci.ts` for all of it, or with the names of checks or groups
 * (`lint`, `types`, `unit`). A failing check does not hide the next one; tests run only when the checks are green.
 */
import { checkLayers } from './layers.ts';
import { checkBreaking, checkGenerated, lintProtos, type Verdict } from './proto.ts';
import { root, run } from './run.ts';
import { bold, dim, green, red, say } from './terminal.ts';

type Group = 'lint' | 'types' | 'unit';

interface Check {
  readonly name: string;
  readonly groups: readonly Group[];
  readonly what: string;
  readonly run: () => Promise<Verdict>;
}

/** Fewer modules than this mean that the cruise was blind; raise it as the house grows. */
const fewestModules = 40;

const tool =
  (command: string, ...args: string[]) =>
  async (): Promise<Verdict> => {
    const { code, output } = await run(command, args);
    return { ok: code === 0, text: output };
  };

const layers = async (): Promise<Verdict> => {
  const { modules, violations } = await checkLayers(root);
  const lines = violations.map(({ rule, from, to, comment }) => `${rule}: ${from} → ${to}\n    ${comment}`);
  if (modules < fewestModules)
    lines.push(`only ${modules} modules were read (at least ${fewestModules} are expected): the rules saw nothing`);
  return { ok: lines.length === 0, text: lines.join('\n') };
};

const checks: readonly Check[] = [
  { name: 'format', groups: ['lint'], what: 'oxfmt', run: tool('oxfmt', '--check', '.') },
  { name: 'proto-lint', groups: ['lint'], what: 'buf lint', run: lintProtos },
  { name: 'proto-breaking', groups: ['lint'], what: 'no breaking change of the protos', run: checkBreaking },
  { name: 'proto-generated', groups: ['lint'], what: 'generated code is up to date', run: checkGenerated },
  { name: 'layers', groups: ['lint'], what: 'layer rules', run: layers },
  { name: 'lockfile', groups: ['lint'], what: 'npm ci accepts package-lock.json', run: tool('node', 'tools/lockfile.mjs') },
  {
    name: 'oxlint',
    groups: ['lint', 'types'],
    what: 'lint rules, and types by the compiler that they ask anyway',
    run: tool('oxlint', '--type-aware', '--type-check', '.'),
  },
];

const tests = async (): Promise<Verdict> => {
  const { code } = await run('node', ['tools/test.ts'], { live: true });
  return { ok: code === 0, text: '' };
};
const unit: Check = { name: 'tests', groups: ['unit'], what: 'every *.test.ts', run: tests };

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

const perform = async (check: Check): Promise<boolean> => {
  const from = performance.now();
  if (check === unit) say(bold('tests'));
  const { ok, text } = await check
    .run()
    .catch((error: unknown) => ({ ok: false, text: String(error instanceof Error ? error.stack : error) }));
  say(`${ok ? green('✓') : red('✗')} ${check.name.padEnd(16)} ${dim(`${check.what} (${seconds(performance.now() - from)})`)}`);
  if (!ok && text !== '') say(`${text.trimEnd().replaceAll(/^/gm, '    ')}\n`);
  return ok;
};

const main = async (names: readonly string[]): Promise<number> => {
  const all = [...checks, unit];
  const unknown = names.filter((name) => !all.some((check) => check.name === name || check.groups.includes(name as Group)));
  if (unknown.length > 0) {
    say(`Unknown: ${unknown.join(', ')}. There are: lint, types, unit, ${all.map(({ name }) => name).join(', ')}.`);
    return 2;
  }
  const chosen = (check: Check): boolean =>
    names.length === 0 || names.includes(check.name) || check.groups.some((group) => names.includes(group));
  const from = performance.now();
  const failed: string[] = [];
  const inTurn = async (group: readonly Check[]): Promise<void> => {
    for (const check of group) if (!(await perform(check))) failed.push(check.name);
  };
  // The compiler takes as long as all the others together.
  const [slow, quick] = [checks.filter(({ groups }) => groups.includes('types')), checks.filter(({ groups }) => !groups.includes('types'))];
  await Promise.all([inTurn(slow.filter(chosen)), inTurn(quick.filter(chosen))]);
  if (chosen(unit)) {
    if (failed.length > 0) say('The tests were not run: first the checks above.');
    else if (!(await perform(unit))) failed.push(unit.name);
  }
  say(
    `${failed.length === 0 ? green(bold('All good')) : red(bold(`Failed: ${failed.join(', ')}`))} ${dim(`(${seconds(performance.now() - from)})`)}`,
  );
  return failed.length === 0 ? 0 : 1;
};

process.exitCode = await main(process.argv.slice(2));
