// Bundles bench/<name>.ts with the project's build plugin and runs it: `node bench/run.mjs explorer [--threads-build]`.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');
const [name, ...rest] = process.argv.slice(2);
if (name === undefined) {
  console.error('usage: node bench/run.mjs <name> [arguments]   (runs bench/<name>.ts)');
  process.exit(2);
}
const cache = path.join(root, 'node_modules/.cache/faultline-bench');
mkdirSync(cache, { recursive: true });

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
  sourcemap: 'inline',
};
const plugin = path.join(cache, 'plugin.mjs');
await build({
  ...common,
  entryPoints: [path.join(root, 'packages/machine/src/plugin/esbuild.ts')],
  outfile: plugin,
  packages: 'external',
});
const { faultlinePlugin } = await import(pathToFileURL(plugin).href);
const outfile = path.join(cache, `${name}.mjs`);
await build({
  ...common,
  entryPoints: [path.join(root, 'bench', `${name}.ts`)],
  outfile,
  plugins: [faultlinePlugin({ platform: 'explored', root })],
});
const { status } = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...rest], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
