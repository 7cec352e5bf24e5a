/** Runs the real command line in a process of its own, for tests. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../../..');
export const BIN = path.join(ROOT, 'packages/cli/bin/faultline.js');

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `faultline(['list', 'io'])`. Colours are off; the working directory is the project's root unless given. */
export function faultline(args: readonly string[], options: SpawnSyncOptions = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    cwd: ROOT,
    timeout: 600_000,
    maxBuffer: 1 << 28,
    ...options,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...options.env },
    encoding: 'utf8',
  });
  return { status, stdout: String(stdout), stderr: String(stderr) };
}
