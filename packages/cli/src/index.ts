/** The command line as a library: what `bin/faultline.js` calls once the bundles are there. */
export { ExitCode, UsageError } from './exit.ts';
export type { Builder, Host } from './host.ts';
export { main } from './main.ts';
