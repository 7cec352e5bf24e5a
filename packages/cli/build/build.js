/** Makes the bundles that the command line runs, with esbuild and the project's own build plugin. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { prune } from './cache.js';

/** The command line's own bundles: name -> entry. */
const OWN = { cli: 'packages/cli/src/main.ts', worker: 'packages/cli/src/run/worker.ts' };
/** Packages whose entries are bundles too, so that other bundles can share them. */
const SHARED = ['machine', 'explore', 'kvm', 'scenarios'];

/** CommonJS packages inside an ESM bundle still call `require` for Node's own modules. */
const REQUIRE =
  "import { createRequire as $require } from 'node:module'; const require = $require(import.meta.url);";

const COMMON = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'silent',
  banner: { js: REQUIRE },
};

/** A build that failed because of what a user wrote: says where, and what to do. */
export class BuildError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'BuildError';
  }
}

/** Builds the bundles of the sources as they are into `folder`/`key`. Starts at the same time may race: one wins whole. */
export async function buildMain(root, folder, key) {
  const started = path.join(folder, `building-${process.pid}-${randomBytes(4).toString('hex')}`);
  mkdirSync(started, { recursive: true });
  try {
    const { faultlinePlugin } = await buildPlugin(root, started);
    await run(root, {
      entryPoints: mainEntries(root),
      outdir: started,
      splitting: true,
      plugins: [faultlinePlugin({ platform: 'explored', root })],
    });
    publish(started, path.join(folder, key));
  } finally {
    rmSync(started, { recursive: true, force: true });
  }
  prune(folder, key);
}

/**
 * The catalogue over a changed system. `variants`: absolute paths; `sources`: texts that stand in for files; `auto`: every
 * atomic, fence and lock of it is a step. The vocabulary is shared with the main bundles, so that the explorer that is already
 * loaded drives it. Returns the path of the module.
 */
export async function buildCatalogue({ root, built }, changed) {
  const name = changed.auto === true ? 'auto' : 'catalogue';
  return buildInto({ root, built }, name, changed, {
    entryPoints: { [name]: path.join(root, 'packages/scenarios/src/index.ts') },
  });
}

/** A scenario file of a user, anywhere on disk, over a changed system. Returns the path of the module. */
export async function buildUserFile({ root, built }, file, changed) {
  if (!existsSync(file)) {
    throw new BuildError(`${file}: no such file; expected a TypeScript file that exports scenarios`);
  }
  if (!/\.ts$/.test(file)) {
    throw new BuildError(`${file}: expected a TypeScript file (.ts) that exports scenarios`);
  }
  return buildInto({ root, built }, 'user', changed, { entryPoints: { user: file } }, [file]);
}

async function buildInto(
  { root, built },
  name,
  { variants, sources = {}, auto = false },
  options,
  inputs = [],
) {
  const replaced = Object.keys(sources);
  for (const variant of variants) {
    if (!existsSync(variant)) throw new BuildError(`${variant}: no such file; expected a variant`);
  }
  // All that such a bundle is made from is part of the key of `built`.
  const ours =
    replaced.length === 0 &&
    [...inputs, ...variants].every((file) => file.startsWith(path.join(root, 'packages') + path.sep));
  const known = ours ? path.join(built, `${name}-${hashOf(variants, '')}`) : null;
  if (known !== null && existsSync(known)) return path.join(known, `${name}.js`);
  const { faultlinePlugin } = await import(pathToFileURL(path.join(built, 'plugin.js')).href);
  // A changed vocabulary changes what the explorer runs on: then nothing is shared, and a worker of its own runs it.
  const vocabulary = path.join(root, 'packages', 'machine') + path.sep;
  const whole =
    replaced.some((file) => file.startsWith(vocabulary)) ||
    variants.some((variant) => /@replaces packages\/machine\//.test(readFileSync(variant, 'utf8')));
  const shared = whole ? {} : sharedModules(root, built, auto || variants.length + replaced.length > 0);
  let plugin;
  try {
    plugin = faultlinePlugin({ platform: 'explored', root, variants, sources, shared, auto });
  } catch (error) {
    throw new BuildError(error.message, { cause: error });
  }
  const { outputFiles } = await run(root, {
    ...options,
    entryPoints: whole
      ? { ...options.entryPoints, worker: path.join(root, OWN.worker) }
      : options.entryPoints,
    splitting: whole,
    outdir: path.join(built, name),
    write: false,
    plugins: [plugin],
  });
  const code = outputFiles.find((file) => path.basename(file.path) === `${name}.js`);
  const folder = known ?? path.join(built, `${name}-${hashOf([...inputs, ...variants], code.contents)}`);
  if (!existsSync(folder)) {
    const started = path.join(built, `building-${process.pid}-${randomBytes(4).toString('hex')}`);
    mkdirSync(started);
    for (const file of outputFiles)
      writeFileSync(path.join(started, path.basename(file.path)), file.contents);
    publish(started, folder);
  }
  return path.join(folder, path.basename(code.path));
}

function mainEntries(root) {
  const entries = Object.entries(OWN).concat(packageEntries(root).map(({ bundle, file }) => [bundle, file]));
  return Object.fromEntries(entries.map(([name, file]) => [name, path.join(root, file)]));
}

/** What another bundle takes from the main ones. A changed system brings its own `kvm` and `scenarios`. */
function sharedModules(root, built, changed) {
  const modules = packageEntries(root).filter(
    ({ name }) => !changed || name === 'machine' || name === 'explore',
  );
  return Object.fromEntries(
    modules.map(({ specifier, bundle }) => [specifier, path.join(built, `${bundle}.js`)]),
  );
}

/** Each entry that the shared packages declare: '@faultline/kvm/seams' -> bundle 'kvm-seams'. */
function packageEntries(root) {
  return SHARED.flatMap((name) => {
    const { exports } = JSON.parse(readFileSync(path.join(root, 'packages', name, 'package.json'), 'utf8'));
    return Object.entries(exports)
      .filter(([sub]) => sub !== './plugin')
      .map(([sub, target]) => ({
        name,
        specifier: `@faultline/${name}${sub.slice(1)}`,
        bundle:
          name === 'scenarios' && sub === '.' ? 'catalogue' : `${name}${sub.slice(1).replaceAll('/', '-')}`,
        file: path.posix.join('packages', name, target),
      }));
  });
}

/** The plugin is TypeScript itself; the packages that it uses stay outside, at the paths where they are installed. */
async function buildPlugin(root, folder) {
  const outfile = path.join(folder, 'plugin.js');
  await run(root, {
    entryPoints: [path.join(root, 'packages/machine/src/plugin/index.ts')],
    outfile,
    plugins: [packagesByPath],
  });
  return import(pathToFileURL(outfile).href);
}

/** esbuild plugin: packages stay outside the bundle, at the paths where they are installed. */
export const packagesByPath = {
  name: 'packages-by-path',
  setup(building) {
    building.onResolve({ filter: /^[^./]/ }, async ({ path: specifier, kind, resolveDir, pluginData }) => {
      if (pluginData === 'resolving' || kind === 'entry-point' || specifier.startsWith('node:'))
        return undefined;
      const found = await building.resolve(specifier, { kind, resolveDir, pluginData: 'resolving' });
      return found.errors.length > 0 ? found : { path: found.path, external: true };
    });
  },
};

async function run(root, options) {
  try {
    return await build({ ...COMMON, absWorkingDir: root, ...options });
  } catch (error) {
    if (!Array.isArray(error.errors)) throw error;
    throw new BuildError(error.errors.map(text).join('\n'), { cause: error });
  }
}

/** 'file:line:column: what', once: errors of the plugin carry the place themselves. */
function text({ text: what, location }) {
  if (location === null || /^\S+:\d+: /.test(what)) return what;
  return `${location.file}:${location.line}:${location.column + 1}: ${what}`;
}

/** Puts a finished folder in its place; if another process was faster, its folder is as good. */
function publish(from, to) {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
    rmSync(from, { recursive: true, force: true });
  }
}

function hashOf(files, contents) {
  const hash = createHash('sha256').update(contents);
  for (const file of files) hash.update(file).update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
