/**
 * Exit 0 when node_modules holds what package-lock.json asks for, by npm's own record of what it has installed.
 * Plain JavaScript: it runs before the project's Node is there.
 */
import { existsSync, readFileSync } from 'node:fs';

const packagesOf = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;
const record = 'node_modules/.package-lock.json';
const isInstalled = () => {
  if (!existsSync(record)) return false;
  const [wanted, present] = [packagesOf('package-lock.json'), packagesOf(record)];
  const required = Object.entries(wanted).filter(([path]) => path !== '');
  return (
    required.every(([path, { version, integrity, optional, peer }]) => {
      const found = present[path];
      if (found === undefined) return optional === true || (peer === true && optional === true);
      return found.version === version && found.integrity === integrity && existsSync(path);
    }) && Object.keys(present).every((path) => path in wanted)
  );
};
process.exit(isInstalled() ? 0 : 1);
