/**
 * Names in package-lock.json the packages for other platforms that npm left out because it could not fetch them here.
 * `npm ci` refuses a lock file without them. Run it after `npm install`: `node tools/complete-lock.js`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const FILE = path.resolve(import.meta.dirname, '../package-lock.json');
const PLATFORM =
  /(android|darwin|linux|win32|freebsd|netbsd|openbsd|sunos|aix|openharmony)-(arm64|x64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x)(-musl|-gnu)?/;

/** Optional dependencies of the lock file's packages that have no entry: name -> entry to add. */
export function missing(lock) {
  const found = {};
  for (const { optionalDependencies = {}, dev, license, engines } of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const at = `node_modules/${name}`;
      const platform = PLATFORM.exec(name);
      if (lock.packages[at] !== undefined || platform === null || !/^\d+\.\d+\.\d+$/.test(version)) continue;
      const [, os, cpu, libc] = platform;
      found[at] = {
        version,
        cpu: [cpu],
        ...(dev ? { dev } : {}),
        license,
        ...(libc === undefined ? {} : { libc: [libc === '-musl' ? 'musl' : 'glibc'] }),
        optional: true,
        os: [os],
        ...(engines === undefined ? {} : { engines }),
      };
    }
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock = JSON.parse(readFileSync(FILE, 'utf8'));
  const packages = { ...lock.packages, ...missing(lock) };
  const sorted = Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(FILE, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
}
