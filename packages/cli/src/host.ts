/** What the launcher hands over: where things are, and how to build more of them. */

/** A system that is not the one on disk. */
export interface Changed {
  /** Variant files: absolute paths. */
  readonly variants: readonly string[];
  /** Texts that stand in for files, by absolute path. */
  readonly sources?: Readonly<Record<string, string>>;
}

/** What a build is made of. */
export interface Build extends Changed {
  /** Every atomic, fence and lock of packages/kvm is a step: see `mutate --auto`. */
  readonly auto?: boolean;
}

export interface Builder {
  /** The catalogue over a changed system; returns the path of the module. */
  buildCatalogue(host: Host, build: Build): Promise<string>;
  /** A user's scenario file over a changed system; returns the path of the module. */
  buildUserFile(host: Host, file: string, changed: Changed): Promise<string>;
  /** Thrown by both when what the user wrote does not build. */
  readonly BuildError: new (
    message: string,
  ) => Error;
}

export interface Host {
  /** Root of the project. */
  readonly root: string;
  /** Folder of the bundles: cli.js, worker.js, machine.js, explore.js, kvm.js, catalogue.js. */
  readonly built: string;
  /** Loads esbuild and the build functions: only for verbs that need another bundle. */
  builder(): Promise<Builder>;
}

let current: Host | null = null;

/** Called once by `main`. */
export function setHost(host: Host): void {
  current = host;
}

/** The host of this process. */
export function host(): Host {
  if (current === null) throw new Error('host() before main(): only the launcher starts the command line');
  return current;
}
