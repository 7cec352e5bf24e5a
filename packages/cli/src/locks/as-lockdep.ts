/** A deadlock that was found, in the words of lockdep: what a kernel would print of it, if it saw grace periods. */
import type { Finding, Frame, HeldAt, LockUse, WaitFor } from '@faultline/explore';
import { type KvmLock, lockOfClass } from '@faultline/kvm/locks';
import { kernelReport, type StuckFrame, type StuckLock, type StuckTask } from '@faultline/lockdep';

/** What the report says it comes from, in the place of a kernel's release. */
const RELEASE = 'faultline #1';
const FIRST_PID = 100;

/**
 * The report, line by line; empty if this is no deadlock of locks and read sections alone, such as a wait for a count.
 * `uses`: where locks were taken, for "at".
 */
export function asLockdep(finding: Finding, uses: readonly LockUse[]): string[] {
  const cycle = finding.cycle.map((name) => finding.waits.find(({ thread }) => thread === name));
  if (cycle.length < 2 || cycle.some((wait) => wait === undefined || lockOfClass(wait.lock) === undefined))
    return [];
  const waits = graceFirst(cycle as WaitFor[]);
  const tasks = waits.map((wait, k) => {
    const wanted = waits[(k + waits.length - 1) % waits.length] as WaitFor;
    return taskOf(finding, wait, wanted, uses);
  });
  return tasks.every((task) => task !== null) ? kernelReport(tasks as StuckTask[], RELEASE) : [];
}

/** Lockdep reports the order that closes the cycle last: who waits for readers, if anybody does. */
function graceFirst(waits: readonly WaitFor[]): WaitFor[] {
  const at = Math.max(
    0,
    waits.findIndex(({ operation }) => operation.startsWith('synchronize_srcu')),
  );
  return [...waits.slice(at), ...waits.slice(0, at)];
}

/** Null if it does not hold what the task before it waits for, such as the turn of a writer that has queued. */
function taskOf(
  finding: Finding,
  wait: WaitFor,
  wanted: WaitFor,
  uses: readonly LockUse[],
): StuckTask | null {
  const held = wait.held.filter(({ lock }) => lockOfClass(lock) !== undefined);
  const holds = held.find(({ lock, address }) => lock === wanted.lock && address === wanted.address);
  if (holds === undefined) return null;
  const side = finding.sides.find(({ thread }) => thread === wait.thread);
  return {
    comm: wait.thread,
    pid: FIRST_PID + finding.waits.indexOf(wait),
    held: held.map((h) => ({
      ...lockText(h.lock, h.address),
      ...takenAt(wait.thread, h, side?.path ?? [], uses),
    })),
    wants: lockText(wait.lock, wait.address),
    op: wait.operation.replace(/\(.*$/s, ''),
    took: tookBy(holds),
    path: innermostFirst(side?.path ?? []),
  };
}

function lockText(name: string, address: number): StuckLock {
  const lock = lockOfClass(name) as KvmLock;
  const kind = lock.type === 'srcu domain' ? 'srcu' : /spin|rwlock/.test(lock.type) ? 'spin' : 'mutex';
  return { name: lockdepName(lock), address, kind };
}

/** As lockdep names the class: the expression where it is initialised. */
export function lockdepName({ name, lockdep }: KvmLock): string {
  if (lockdep !== undefined) return lockdep;
  const path = name.replace('kvm_arch::', 'kvm->arch.');
  return path.includes('->') ? `&${path}` : path;
}

function tookBy({ lock, how }: HeldAt): string {
  if (how === 'section') return 'srcu_read_lock';
  const type = lockOfClass(lock)?.type;
  if (type === 'mutex') return 'mutex_lock';
  if (type === 'rwlock_t') return how === 'shared' ? 'read_lock' : 'write_lock';
  if (type === 'rw_semaphore' || type === 'percpu_rw_semaphore')
    return how === 'shared' ? 'down_read' : 'down_write';
  return 'spin_lock';
}

/** Where it was taken: of the places that were seen, the one that shares most calls with where the thread is now. */
function takenAt(
  thread: string,
  held: HeldAt,
  now: readonly Frame[],
  uses: readonly LockUse[],
): { at?: StuckFrame } {
  const paths = uses
    .filter(
      (u) =>
        u.lock === held.lock &&
        u.threads.includes(thread) &&
        u.asked !== 'wait' &&
        u.asked !== 'irqs_on' &&
        u.asked !== 'irqs_on_read',
    )
    .flatMap((u) => u.paths)
    .sort((a, b) => shared(b, now) - shared(a, now));
  const [at] = innermostFirst(paths[0] ?? []);
  return at === undefined ? {} : { at };
}

/** How many calls two paths have in common, from the outermost on. */
function shared(a: readonly Frame[], b: readonly Frame[]): number {
  const differs = a.findIndex(({ fn }, i) => fn !== b[i]?.fn);
  return differs < 0 ? a.length : differs;
}

/** Without what the vocabulary itself does. */
function innermostFirst(path: readonly Frame[]): StuckFrame[] {
  return path
    .filter(({ file }) => !file.startsWith('packages/machine/'))
    .map(({ fn, file, line }) => ({ fn, source: `${file}:${line}` }))
    .reverse();
}
