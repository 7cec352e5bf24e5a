/** Platform 2: scenarios on real threads. The host's side; what runs inside workers is bundled from serve.ts. */
export { runOnThreads, type StressOptions, type StressResult } from './host.ts';
export type { Finding, FindingKind, Summary } from './report.ts';
