/**
 * Is package-lock.json complete? npm sometimes leaves out optional packages of other platforms than the one it ran on (npm/cli
 * issue 4828; also when a registry mirror does not carry them), and then `npm ci` refuses the lockfile everywhere.
 * `--fix` adds what is missing: these packages are pinned exactly by those that name them.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const systems = { darwin: 'darwin', win32: 'win32', android: 'android', freebsd: 'freebsd', openharmony: 'openharmony', linux: 'linux' };
const processors = {
  arm64: 'arm64',
  aarch64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  armv7: 'arm',
  arm: 'arm',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
};
const libraries = { gnu: 'glibc', musl: 'musl', gnueabihf: 'glibc', musleabihf: 'musl' };

/** "@oxfmt/binding-linux-arm64-musl" → linux, arm64, musl: what npm decides by whether to install it. */
const platformOf = (name) => {
  const words = name.split(/[-/]/);
  const pick = (table, key) => {
    const found = words.map((word) => table[word]).find((value) => value !== undefined);
    return found === undefined ? {} : { [key]: [found] };
  };
  return { ...pick(processors, 'cpu'), ...pick(libraries, 'libc'), ...pick(systems, 'os') };
};

/** @returns the entries that the lockfile lacks, by path */
const missingEntries = ({ packages }) => {
  const missing = {};
  for (const [path, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (packages[`${path}/node_modules/${name}`] ?? packages[`node_modules/${name}`]) continue;
      if (!/^\d+\.\d+\.\d+\S*$/.test(version)) continue;
      missing[`node_modules/${name}`] = {
        version,
        resolved: `https://registry.npmjs.org/${name}/-/${name.split('/').at(-1)}-${version}.tgz`,
        ...platformOf(name),
        ...(dev === true ? { dev: true } : {}),
        optional: true,
      };
    }
  }
  return missing;
};

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const missing = missingEntries(lock);
  const paths = Object.keys(missing);
  if (paths.length > 0 && process.argv.includes('--fix')) {
    const { '': root, ...rest } = { ...lock.packages, ...missing };
    lock.packages = { '': root, ...Object.fromEntries(Object.entries(rest).sort(([a], [b]) => a.localeCompare(b, 'en'))) };
    writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`added ${paths.length} entries`);
  } else if (paths.length > 0) {
    console.error(`package-lock.json lacks ${paths.join(', ')}: npm ci will refuse it. Run: node tools/lockfile.mjs --fix`);
    process.exitCode = 1;
  }
}
