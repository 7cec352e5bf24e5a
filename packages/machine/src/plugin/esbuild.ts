/** The build plugin for esbuild: resolves the project's packages to their sources and picks the platform. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Plugin } from 'esbuild';
import { type Transformed, type TransformOptions, transform } from './transform.ts';
import { checkFresh, type Replacement, replacementsOf } from './variant.ts';

export interface PluginOptions {
  readonly platform: TransformOptions['platform'];
  /** Root of the project. */
  readonly root: string;
  readonly without?: readonly string[];
  /** Variant files to apply. */
  readonly variants?: readonly string[];
  /** Texts that stand in for files, by absolute path: changed ones, and new ones that are not on disk. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Every atomic, fence and lock of packages/kvm becomes a step: see auto.ts. */
  readonly auto?: boolean;
  /** Packages that the bundle shares with one that is already loaded: package name -> absolute path of a module. */
  readonly shared?: Readonly<Record<string, string>>;
}

/** Parts of the project that hold no tasks; whatever else is bundled is transformed, a user's files included. */
const NO_TASKS =
  /^(?:packages\/(?:cli|explore\/(?!src\/programs\/)|lockdep|web|threads\/(?!src\/toys\/))|bench\/(?!tasks\/)|tools\/|.*\bnode_modules\/)/;

export function faultlinePlugin(options: PluginOptions): Plugin {
  const { root, platform, sources = {} } = options;
  const without = new Set(options.without ?? []);
  const replacements = (options.variants ?? []).flatMap((file) =>
    replacementsOf(readFileSync(file, 'utf8'), path.resolve(file)),
  );
  const threadsPlatform = path.join(root, 'packages/threads/src/platform.ts');
  return {
    name: 'faultline',
    setup(build) {
      build.onResolve({ filter: /^@faultline\// }, ({ path: specifier }) =>
        resolvePackage(specifier, options),
      );
      if (platform === 'threads') {
        build.onResolve({ filter: /^\.\.?\/platform\.ts$/ }, ({ importer }) =>
          /[\\/]packages[\\/]machine[\\/]/.test(importer) ? { path: threadsPlatform } : undefined,
        );
      }
      build.onResolve({ filter: /^\.\.?\// }, ({ path: specifier, resolveDir }) => {
        const file = path.resolve(resolveDir, specifier);
        return file in sources ? { path: file } : undefined;
      });
      build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
        const code = sources[file] ?? readFileSync(file, 'utf8');
        const name = path.relative(root, file).split(path.sep).join('/');
        const inside = !name.startsWith('..');
        if (inside && NO_TASKS.test(name)) return undefined;
        const replaced = replacedIn(name, code, replacements);
        const shown = inside ? name : file;
        const contents =
          replaced.size > 0
            ? withMap(transform(code, shown, { platform, without, replaced }))
            : unreplaced(code, shown, {
                platform,
                without,
                auto: options.auto === true && /^packages\/kvm\/src\//.test(shown),
              });
        return contents === null ? undefined : { contents, loader: 'ts', resolveDir: path.dirname(file) };
      });
    },
  };
}

/** Modules that were transformed before, by all that decides about the result: a variant changes one module of hundreds. */
const known = new Map<string, { readonly code: string; readonly contents: string | null }>();

function unreplaced(
  code: string,
  file: string,
  options: TransformOptions & { without: ReadonlySet<string> },
): string | null {
  const key = [options.platform, options.auto, file, ...options.without].join('\n');
  const before = known.get(key);
  if (before?.code === code) return before.contents;
  const contents = withMap(transform(code, file, options));
  known.set(key, { code, contents });
  return contents;
}

function withMap(done: Transformed | null): string | null {
  if (done === null) return null;
  const map = Buffer.from(done.map).toString('base64');
  return `${done.code}\n//# sourceMappingURL=data:application/json;base64,${map}`;
}

function resolvePackage(specifier: string, { root, shared }: PluginOptions) {
  const already = shared?.[specifier];
  if (already !== undefined) return { path: already, external: true };
  const [, name, sub] = specifier.split('/') as [string, string, string | undefined];
  const entry = sub === undefined ? 'index.ts' : sub === 'plugin' ? 'plugin/index.ts' : `${sub}.ts`;
  return { path: path.join(root, 'packages', name, 'src', entry) };
}

function replacedIn(name: string, code: string, replacements: readonly Replacement[]): Map<string, string> {
  const replaced = new Map<string, string>();
  for (const replacement of replacements) {
    if (replacement.file !== name) continue;
    checkFresh(replacement, code);
    replaced.set(replacement.name, replacement.by);
  }
  return replaced;
}
