/** Makes the bundles that worker threads run: scenarios and the system, built for threads. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { BuildError, packagesByPath } from './build.js';
import { cacheFolder } from './cache.js';

/** Serves the catalogue (packages/scenarios). */
const CATALOGUE = 'packages/threads/src/worker.ts';

/**
 * Bundles the catalogue for threads and returns the path of the bundle. A bundle is named by its contents, so the same
 * sources give the same file. Throws BuildError.
 *
 * `without`: steps to leave out (labels). `variants`: absolute paths of variant files. `entry`: another module than the
 * catalogue's worker. `scenarioFile`: serve the scenarios that this file exports instead. `platform`: 'explored' builds
 * the same entry for the explorer, for tests that compare the two.
 *
 * @param {string} root
 * @param {{ without?: readonly string[], variants?: readonly string[], entry?: string, scenarioFile?: string,
 *   platform?: 'threads' | 'explored' }} options
 */
export async function buildThreads(
  root,
  { without = [], variants = [], entry = CATALOGUE, scenarioFile, platform = 'threads' } = {},
) {
  const folder = path.join(cacheFolder(root), 'threads');
  mkdirSync(folder, { recursive: true });
  const pluginEntry = entryOf(root, 'packages/machine/src/plugin/index.ts');
  const plugin = await bundle(root, folder, pluginEntry, [packagesByPath]);
  const { faultlinePlugin } = await import(pathToFileURL(publish(folder, plugin)).href);
  const served = scenarioFile === undefined ? entryOf(root, entry) : serving(scenarioFile);
  try {
    return publish(
      folder,
      await bundle(root, folder, served, [faultlinePlugin({ platform, root, without, variants })]),
    );
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(error.message, { cause: error });
  }
}

function entryOf(root, file) {
  return { entryPoints: [path.resolve(root, file)] };
}

/** A worker's entry for the scenarios of one file, wherever it is. */
function serving(file) {
  const contents = `import * as file from ${JSON.stringify(file)};
import { serveModule } from '@faultline/threads/serve';
serveModule(file);`;
  return { stdin: { contents, resolveDir: path.dirname(file), loader: 'ts' } };
}

async function bundle(root, outdir, entry, plugins) {
  const { outputFiles } = await build({
    ...entry,
    absWorkingDir: root,
    outdir,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'silent',
    plugins,
  }).catch((error) => {
    const text = error.errors?.map((e) => `${place(e.location)}${e.text}`).join('\n');
    throw new BuildError(text ?? error.message, { cause: error });
  });
  return outputFiles[0].contents;
}

function place(location) {
  return location === null ? '' : `${location.file}:${location.line}: `;
}

/** Writes the file whole or not at all, for others that do the same at the same time; returns its path. */
function publish(folder, contents) {
  const name = createHash('sha256').update(contents).digest('hex').slice(0, 16);
  const file = path.join(folder, `${name}.mjs`);
  if (existsSync(file)) {
    utimesSync(file, new Date(), new Date());
    return file;
  }
  const unfinished = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(unfinished, contents);
  renameSync(unfinished, file);
  return file;
}
