/** The vocabulary of the model: arena, structs, cells, locks, SRCU, tasks, steps and scenarios. */
export {
  ArenaExhausted,
  allocate,
  firstFree,
  formatArena,
  i32,
  MAX_REGIONS,
  MAX_TASKS,
  regionsUsed,
  u8,
  u32,
  u64,
  useArena,
} from './arena.ts';
export { canonical, finalStateText, fromCanonical } from './canonical.ts';
export {
  atomically,
  Cell,
  choose,
  retryAfterChange,
  type Seen,
  smpMb,
  smpMbAfterAtomic,
  smpRmb,
  smpWmb,
} from './cell.ts';
export { type Codec, CodecId, decode, encode, GENERATION_MARK, halves, peek, poke } from './codec.ts';
export { current } from './current.ts';
export { describe, objects, type Place, variableAt } from './describe.ts';
export {
  array,
  cell32,
  cell53,
  cell64,
  Elements,
  embed,
  generationCell,
  generationField,
  i16Field,
  i32Field,
  ptr,
  ptrCell,
  u8Field,
  u16Field,
  u32Field,
  u53As,
  u53Field,
  u64Field,
} from './fields.ts';
export {
  LockWords,
  lockForRead,
  lockForWrite,
  lockWord,
  ParkingLock,
  queueForWrite,
  unlockForRead,
  unlockForWrite,
  unlockWord,
} from './futex.ts';
export { bugOn, KernelBug, migrate, smpProcessorId, trace, warnOn } from './kernel.ts';
export {
  fairRwlock,
  type LockFlavor,
  Mutex,
  mutex,
  RwLock,
  rawSpinlock,
  rwlock,
  rwSemaphore,
  SpinLock,
  spinlock,
  WRITER,
} from './locks.ts';
export { Kind, kindNames, MAX_LIST, type Operation, Order, operation, Until } from './op.ts';
export { EXPLORED, setWatch, type Watch } from './platform.ts';
export { Rcu, rcu } from './rcu.ts';
export {
  type AnyScenario,
  type AuditRow,
  type Claim,
  type DetectorKind,
  type Never,
  never,
  type Outcome,
  type Results,
  type Scenario,
  type ScenarioOptions,
  scenario,
} from './scenario.ts';
export { atSite, registerSites, type Site, siteById } from './sites.ts';
export { SRCU_CPUS, Srcu, SrcuDomain, type SrcuLevel, srcu } from './srcu.ts';
export {
  allSteps,
  at,
  forgetReached,
  type Step,
  setStepsOff,
  stepById,
  stepNamed,
  UnknownStepError,
} from './step.ts';
export {
  type AnyStruct,
  DoubleFree,
  type FieldInfo,
  type FieldType,
  type Guard,
  guardedBy,
  irqsOff,
  kernelName,
  OBJECT_HEADER,
  ObjectState,
  POISON,
  type StructType,
  struct,
  structById,
  type View,
  type ViewType,
  writeGuardedBy,
} from './struct.ts';
export type { Returned, Task, Visible } from './task.ts';
