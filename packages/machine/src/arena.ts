/**
 * The arena: the one buffer that holds every byte two CPUs can both see. Addresses are byte offsets; 0 is NULL.
 *
 *   0      header: magic, size, then a bump allocator for each task
 *   256    the set-up region (task 0), then one region a task
 *
 * Each task allocates from its own region, so an address never depends on the schedule.
 */
export let u8 = new Uint8Array(0);
export let i32 = new Int32Array(0);
export let u32 = new Uint32Array(0);
export let u64 = new BigUint64Array(0);

/** Task 0 is set-up; tasks 1 .. 8 are the threads of a scenario. SRCU domains have a word for each. */
export const MAX_TASKS = 8;
/** An arena has regions for this many, for programs that are only explored and use no SRCU. */
export const MAX_REGIONS = 20;
const HEADER_BYTES = 256;
const MAGIC = 0x4641554c;
const ALLOCATORS = 16;

/** Makes `buffer` the arena that all structs read and write. */
export function useArena(buffer: ArrayBuffer | SharedArrayBuffer): void {
  u8 = new Uint8Array(buffer as ArrayBuffer);
  i32 = new Int32Array(buffer as ArrayBuffer);
  u32 = new Uint32Array(buffer as ArrayBuffer);
  u64 = new BigUint64Array(buffer as ArrayBuffer);
}

/** Clears the arena in use and lays out its allocators: half for set-up, the rest split among `tasks` tasks. */
export function formatArena(tasks: number): void {
  if (tasks > MAX_REGIONS)
    throw new RangeError(`at most ${MAX_REGIONS} tasks share an arena; ${tasks} asked for`);
  u8.fill(0);
  u32[0] = MAGIC;
  u32[1] = u8.length;
  const setupEnd = tasks === 0 ? u8.length : align8(u8.length >>> 1);
  setRegion(0, HEADER_BYTES, setupEnd);
  const share = tasks === 0 ? 0 : ((u8.length - setupEnd) / tasks) & ~63;
  for (let task = 1; task <= tasks; task++) {
    setRegion(task, setupEnd + (task - 1) * share, setupEnd + task * share);
  }
}

/** The arena in use ran out of room for one task: a bound, not a property of the program. */
export class ArenaExhausted extends Error {
  constructor(task: number, bytes: number) {
    super(
      `arena exhausted: task ${task} asked for ${bytes} bytes; run the scenario with a larger 'arenaBytes'`,
    );
    this.name = 'ArenaExhausted';
  }
}

/** Takes `bytes` zeroed bytes, 8-byte aligned, from the region of `task`. Memory is not handed out twice. */
export function allocate(task: number, bytes: number): number {
  const slot = ALLOCATORS + task * 2;
  const addr = u32[slot] as number;
  const next = align8(addr + bytes);
  if (addr === 0 || next > (u32[slot + 1] as number)) throw new ArenaExhausted(task, bytes);
  u32[slot] = next;
  return addr;
}

/** Address that the next allocation of `task` will have; what follows in its region is zero. */
export function firstFree(task: number): number {
  return u32[ALLOCATORS + task * 2] as number;
}

/** Bytes of the arena that set-up and the tasks have taken so far; all that lies beyond is zero. */
export function regionsUsed(): { from: number; to: number }[] {
  const used: { from: number; to: number }[] = [{ from: 0, to: HEADER_BYTES }];
  const setupEnd = align8(u8.length >>> 1);
  const tasks = countTasks();
  const share = tasks === 0 ? 0 : ((u8.length - setupEnd) / tasks) & ~63;
  used.push({ from: HEADER_BYTES, to: u32[ALLOCATORS] as number });
  for (let task = 1; task <= tasks; task++) {
    used.push({ from: setupEnd + (task - 1) * share, to: u32[ALLOCATORS + task * 2] as number });
  }
  return used;
}

function countTasks(): number {
  let tasks = 0;
  while (tasks < MAX_REGIONS && (u32[ALLOCATORS + (tasks + 1) * 2] as number) !== 0) tasks++;
  return tasks;
}

function setRegion(task: number, from: number, to: number): void {
  u32[ALLOCATORS + task * 2] = align8(from);
  u32[ALLOCATORS + task * 2 + 1] = to;
}

function align8(n: number): number {
  return (n + 7) & ~7;
}
