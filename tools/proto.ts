/**
 * Generates code from proto/ and moves the baseline that `buf breaking` compares with. The baseline moves only by compatible
 * steps: a breaking change is refused, unless it is wanted and said so (`--accept-breaking`, before anything was released).
 */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from './run.ts';

const image = 'proto/gen/descriptors.binpb';

export interface Verdict {
  readonly ok: boolean;
  readonly text: string;
}

const verdict = ({ code, output }: { code: number; output: string }): Verdict => ({ ok: code === 0, text: output });

export const lintProtos = async (cwd = root): Promise<Verdict> => verdict(await run('buf', ['lint'], { cwd }));

export const checkBreaking = async (cwd = root): Promise<Verdict> => verdict(await run('buf', ['breaking', '--against', image], { cwd }));

/** Generates into `<dir>/proto/gen`, baseline included. */
const generateInto = async (dir: string, cwd: string): Promise<Verdict> => {
  const generated = await run('buf', ['generate', '-o', dir], { cwd });
  if (generated.code !== 0) return verdict(generated);
  return verdict(await run('buf', ['build', '-o', join(dir, image)], { cwd }));
};

const filesUnder = async (dir: string): Promise<Map<string, Buffer>> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file.slice(dir.length + 1), await readFile(file)] as const)));
};

/** Is what is committed under proto/gen exactly what proto/ generates? */
export const checkGenerated = async (cwd = root): Promise<Verdict> => {
  const dir = await mkdtemp(join(tmpdir(), 'namaskah-proto-'));
  try {
    const made = await generateInto(dir, cwd);
    if (!made.ok) return made;
    const [wanted, present] = await Promise.all([filesUnder(join(dir, 'proto/gen')), filesUnder(join(cwd, 'proto/gen'))]);
    const stale = [...new Set([...wanted.keys(), ...present.keys()])].filter((file) => {
      const [a, b] = [wanted.get(file), present.get(file)];
      return a === undefined || b === undefined || !a.equals(b);
    });
    return {
      ok: stale.length === 0 && wanted.size > 1,
      text:
        stale.map((file) => `proto/gen/${file} is not what proto/ generates now`).join('\n') +
        (stale.length > 0 ? '\nRun: make proto\n' : ''),
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

const main = async (acceptBreaking: boolean): Promise<number> => {
  for (const check of [lintProtos, ...(acceptBreaking ? [] : [checkBreaking])]) {
    const { ok, text } = await check();
    if (ok) continue;
    process.stderr.write(`${text}\nNothing was generated.\n`);
    return 1;
  }
  const dir = await mkdtemp(join(tmpdir(), 'namaskah-proto-'));
  try {
    const { ok, text } = await generateInto(dir, root);
    if (!ok) {
      process.stderr.write(text);
      return 1;
    }
    await rm(join(root, 'proto/gen'), { recursive: true, force: true });
    await cp(join(dir, 'proto/gen'), join(root, 'proto/gen'), { recursive: true });
    return 0;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

if (import.meta.main) process.exitCode = await main(process.argv.includes('--accept-breaking'));
