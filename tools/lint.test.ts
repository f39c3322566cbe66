import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');

/** Each file breaks the rules beside it, once per entry. */
const planted: Readonly<Record<string, { readonly text: string; readonly rules: readonly string[] }>> = {
  'services/shop/domain/clock.ts': {
    text: `export const now = [Date.now(), new Date(), Math.random(), performance.now(), setTimeout(() => 1, 1), process.env['HOME']];`,
    rules: [
      'eslint(no-restricted-properties)',
      'house(no-current-date)',
      'eslint(no-restricted-properties)',
      'eslint(no-restricted-properties)',
      'eslint(no-restricted-globals)',
      'eslint(no-restricted-globals)',
      'node(no-process-env)',
    ],
  },
  'services/shop/app/wait.ts': {
    text: `export const later = (work: () => void): unknown => setInterval(work, Date.now());`,
    rules: ['eslint(no-restricted-globals)', 'eslint(no-restricted-properties)'],
  },
  'services/shop/adapters/http/client.ts': {
    text: `const send = async (): Promise<void> => {};\nexport const go = (): void => {\n  send();\n  [1].forEach(async () => { await send(); });\n  console.log(process.env['KEY']);\n};`,
    rules: ['typescript(no-floating-promises)', 'typescript(no-misused-promises)', 'eslint(no-console)', 'node(no-process-env)'],
  },
  'services/shop/adapters/http/sloppy.ts': {
    text: `export const f = (a: any, b: string | undefined): boolean => { if (a == 1) throw 'no'; return b === undefined; };`,
    rules: ['typescript(no-explicit-any)', 'eslint(eqeqeq)', 'typescript(only-throw-error)'],
  },
  'services/shop/adapters/http/state.ts': {
    text: `type S = 'a' | 'b';\nexport const f = (s: S): number => { switch (s) { case 'a': return 1; } return 2; };`,
    rules: ['typescript(switch-exhaustiveness-check)'],
  },
  'services/shop/domain/types.ts': {
    text: `import { Price } from './price.ts';\nenum Colour { Red }\nconst list: number[] = [];\nconst first: number = list[0];\nexport const f = (a: { b?: string }, price: Price, n): unknown => { a.b = undefined; return [first, n, price, Colour, price.none]; };`,
    rules: [
      'typescript(TS1484)',
      'typescript(consistent-type-imports)',
      'typescript(TS1294)',
      'typescript(TS2322)',
      'typescript(TS7006)',
      'typescript(TS2412)',
      'typescript(TS2339)',
    ],
  },
  'services/shop/domain/clock.test.ts': {
    text: `import { it } from 'node:test';\nconst send = async (): Promise<void> => {};\nit('may read the clock and leave it() unawaited', () => { send(); void [Date.now(), process.env['HOME']]; });`,
    rules: ['typescript(no-floating-promises)'],
  },
  'services/shop/testing/suite.test.ts': {
    text: `import { describe, it, suite } from 'node:test';\ndescribe('declares late', async () => { await Promise.resolve(); it("is nobody of it", () => {}); });\nsuite('too', { concurrency: true }, async () => {});`,
    rules: ['house(no-async-suite)', 'house(no-async-suite)'],
  },
};

/** What the same rules must accept. */
const innocent: Readonly<Record<string, string>> = {
  'services/shop/main.ts': `export const home = process.env['HOME'];`,
  'services/shop/domain/price.ts': `export interface Price {\n  readonly micros: bigint;\n}`,
  'services/shop/domain/date.ts': `export const day = (at: number): Date => new Date(at);`,
  'services/shop/adapters/http/good.ts': `const send = async (): Promise<void> => {};\nexport const go = (): void => {\n  void send();\n};`,
  'tools/up.ts': `console.log(process.env['HOME'], Date.now());`,
};

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

describe('lint rules', () => {
  let tree: string;
  let found: readonly Diagnostic[];

  before(async () => {
    tree = await mkdtemp(join(tmpdir(), 'namaskah-lint-'));
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'tools/lint/house.mjs']) {
      await mkdir(dirname(join(tree, file)), { recursive: true });
      await copyFile(join(root, file), join(tree, file));
    }
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
    const files = { ...innocent, ...Object.fromEntries(Object.entries(planted).map(([path, { text }]) => [path, text])) };
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), `${text}\n`);
    }
    const output = await new Promise<string>((resolve) => {
      execFile(
        join(root, 'node_modules/.bin/oxlint'),
        ['--type-aware', '--type-check', '--format=json', 'services', 'tools'],
        { cwd: tree },
        (_error, stdout) => resolve(stdout),
      );
    });
    found = (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
  });
  after(() => rm(tree, { recursive: true, force: true }));

  for (const [path, { rules }] of Object.entries(planted)) {
    it(`catches what is wrong in ${path}`, () => {
      const codes = found.filter(({ filename }) => filename === path).map(({ code }) => code);
      assert.deepEqual([...codes].sort(), [...rules].sort());
    });
  }

  it('leaves the innocent alone', () => {
    assert.deepEqual(
      found.filter(({ filename }) => filename in innocent),
      [],
    );
  });
});
