/** Makes the bundles that worker threads run: scenarios and the system, built for threads. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { packagesByPath } from './build.js';
import { cacheFolder } from './cache.js';

/** Serves the catalogue (packages/scenarios). */
const CATALOGUE = 'packages/threads/src/worker.ts';

/**
 * Bundles the catalogue for threads and returns the path of the bundle.
 * `without`: steps to leave out (labels); `variants`: absolute paths of variant files; `entry`: another module than the
 * catalogue's worker. Bundles are kept by content: the same sources give the same file.
 */
export async function buildThreads(root, { without = [], variants = [], entry = CATALOGUE } = {}) {
  const folder = path.join(cacheFolder(root), 'threads');
  mkdirSync(folder, { recursive: true });
  const { faultlinePlugin } = await pluginOf(root, folder);
  const { outputFiles, metafile } = await build({
    entryPoints: [path.resolve(root, entry)],
    absWorkingDir: root,
    outdir: folder,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'silent',
    plugins: [faultlinePlugin({ platform: 'threads', root, without, variants })],
  });
  void metafile;
  const [{ contents }] = outputFiles;
  const file = path.join(folder, `${hashOf(contents)}.mjs`);
  publish(file, contents);
  return file;
}

/** The plugin is TypeScript: bundled once for each state of its sources. */
async function pluginOf(root, folder) {
  const { outputFiles } = await build({
    entryPoints: [path.join(root, 'packages/machine/src/plugin/index.ts')],
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'silent',
    plugins: [packagesByPath],
  });
  const [{ contents }] = outputFiles;
  const file = path.join(folder, `plugin-${hashOf(contents)}.mjs`);
  publish(file, contents);
  return import(pathToFileURL(file).href);
}
