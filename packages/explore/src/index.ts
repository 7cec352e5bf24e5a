/** The explorer: every interleaving of a small concurrent program over the machine's vocabulary. */
export { DEFAULT_EQUIVALENCE, type Equivalence } from './access.ts';
export { arenaHash } from './arena-hash.ts';
export type { Asked, HeldLock, LockUse } from './detect/lock-uses.ts';
export type { SiteUse } from './detect/site-uses.ts';
export { type DiagramOptions, formatDiagram } from './diagram.ts';
export type {
  BoundHit,
  Bounds,
  ClaimCount,
  Counts,
  Exploration,
  ExploreOptions,
  Mode,
  Progress,
  SometimesCount,
  Strategy,
} from './exploration.ts';
export { Explorer, explore, exploreAsync } from './explore.ts';
export type { Finding, FindingKind, Frame, HeldAt, Side, WaitFor } from './finding.ts';
export { type HerdTest, readHerd } from './litmus/herd.ts';
export type { Condition } from './litmus/herd-condition.ts';
export { HerdError } from './litmus/herd-error.ts';
export { type Explored, exploreLitmus, parseOutcome } from './litmus/outcomes.ts';
export { MODELS, type ModelName } from './memory-model.ts';
export { type Minimised, type MinimiseOptions, minimise } from './minimise.ts';
export { type Divergence, type Expected, type Replay, type ReplayOptions, replay } from './replay.ts';
export { fitRows, type Row, rowsOf } from './rows.ts';
export { contextSwitches, type Schedule } from './schedule.ts';
export { type Survey, type SurveyOptions, type SurveySite, survey } from './survey.ts';
export {
  decodeToken,
  encodeContents,
  encodeToken,
  MAX_TOKEN,
  programHash,
  type TokenContents,
  tokenContents,
} from './token.ts';
export type { Trace, TraceEvent, TraceNote } from './trace.ts';
export type { TraceCell, TraceLock } from './trace-state.ts';
