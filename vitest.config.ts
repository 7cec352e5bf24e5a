import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { faultlineVite } from './packages/machine/src/plugin/vite.ts';

export default defineConfig({
  plugins: [faultlineVite(import.meta.dirname)],
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/variants/**/*.test.ts',
      'tools/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    testTimeout: 60_000,
    // Many tests wait for a command that they started: one core to spare, as is the default, would be two idle ones.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // CI systems say CI=true, by which picocolors colours even what no terminal reads; the texts compared have no colours.
    env: { NO_COLOR: '1' },
  },
});
