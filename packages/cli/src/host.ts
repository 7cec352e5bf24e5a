/** What the launcher hands over: where things are, and how to build more of them. */

export interface Builder {
  /**
   * The catalogue over the system with these variants (absolute paths); returns the path of the module. `auto`: every atomic,
   * fence and lock of it is a step.
   */
  buildCatalogue(
    host: Host,
    options: { readonly variants: readonly string[]; readonly auto?: boolean },
  ): Promise<string>;
  /** A user's scenario file over the system with these variants; returns the path of the module. */
  buildUserFile(host: Host, file: string, options: { readonly variants: readonly string[] }): Promise<string>;
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
