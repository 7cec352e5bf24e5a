/**
 * Starts the command line from a fresh clone: bundles the sources if no bundle of exactly these sources is there,
 * then hands over to it. Nothing has to be built before the first start.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder, cacheKey } from './cache.js';

const root = path.resolve(import.meta.dirname, '../../..');

process.exitCode = await launch();

async function launch() {
  const folder = cacheFolder(root);
  const built = path.join(folder, cacheKey(root));
  try {
    if (!existsSync(built)) {
      const { buildMain } = await import('./build.js');
      await buildMain(root, folder, path.basename(built));
    }
  } catch (error) {
    process.stderr.write(`faultline: the project does not build\n\n${error.message}\n`);
    return 4;
  }
  const { main } = await import(pathToFileURL(path.join(built, 'cli.js')).href);
  return main(process.argv.slice(2), {
    root,
    built,
    builder: () => import('./build.js'),
  });
}
