/**
 * Where built bundles live: one folder for each state of the sources, so that a change of any source builds anew and
 * two versions never mix.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Folders whose contents the bundles are made from, relative to the root. */
const SOURCES = ['src', 'build', 'variants'];
/** Bundles of older sources that are kept, so that going back to a commit is quick. */
const KEPT = 8;

/** Eight to sixteen hex digits over path, size and time of change of each source. */
export function cacheKey(root) {
  const hash = createHash('sha256');
  hash.update(`${process.versions.modules}\n`);
  note(hash, path.join(root, 'package-lock.json'));
  const packages = path.join(root, 'packages');
  for (const name of readdirSync(packages).sort()) {
    note(hash, path.join(packages, name, 'package.json'));
    for (const folder of SOURCES) noteFolder(hash, path.join(packages, name, folder));
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * The folder that holds one folder a key: FAULTLINE_CACHE if set, else one under node_modules, else, where that may not
 * be written, one in the system's temporary folder.
 */
export function cacheFolder(root) {
  if (process.env.FAULTLINE_CACHE) {
    mkdirSync(process.env.FAULTLINE_CACHE, { recursive: true });
    return path.resolve(process.env.FAULTLINE_CACHE);
  }
  const own = path.join(root, 'node_modules', '.cache', 'faultline');
  try {
    mkdirSync(own, { recursive: true });
    accessSync(own, constants.W_OK);
    return own;
  } catch {
    const user = os.userInfo().uid;
    const tag = createHash('sha256').update(root).digest('hex').slice(0, 8);
    const fallback = path.join(os.tmpdir(), `faultline-${user}-${tag}`);
    mkdirSync(fallback, { recursive: true, mode: 0o700 });
    return fallback;
  }
}

/** Removes the bundles used longest ago, apart from `key`. */
export function prune(folder, key) {
  const old = readdirSync(folder)
    .filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== key)
    .map((name) => ({
      name,
      time: statSync(path.join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }))
    .sort((a, b) => b.time - a.time);
  for (const { name } of old.slice(KEPT)) rmSync(path.join(folder, name), { recursive: true, force: true });
}

function noteFolder(hash, folder) {
  if (!existsSync(folder)) return;
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) noteFolder(hash, file);
    else if (!/\.test\.ts$/.test(entry.name)) note(hash, file);
  }
}

function note(hash, file) {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat !== undefined) hash.update(`${file} ${stat.size} ${stat.mtimeMs}\n`);
}
