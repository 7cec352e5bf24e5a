/**
 * The programs by which the two levels of SRCU are compared: whatever the real one can show, the abstract one can. They
 * are written over anything that has the interface of Srcu, so that a level that is too coarse can be tried as well.
 */
import { migrate, type Task } from '@faultline/machine';
import type { Marks } from './client.ts';

/** What a domain is to its users. */
export interface Domain {
  readLock(): Task<number>;
  readUnlock(idx: number): Task;
  synchronize(): Task;
}

export interface Users {
  readonly domain: Domain;
  readonly marks: Marks;
  /** CPUs that a section may end on; 1: it ends where it began. */
  readonly cpus: number;
}

/** A section that looks whether the update has begun, whether the other section has, and whether the update is over. */
export function* oldSection({ domain, marks, cpus }: Users): Task<number[]> {
  const idx = yield* domain.readLock();
  const begun = yield* marks.a.readOnce();
  const other = yield* marks.c.readOnce();
  const over = yield* marks.b.readOnce();
  if (cpus > 1) yield* migrate(cpus);
  yield* domain.readUnlock(idx);
  return [begun, other, over];
}

/** A section that says that it has begun, and looks whether the update is over. */
export function* newSection({ domain, marks, cpus }: Users): Task<number> {
  const idx = yield* domain.readLock();
  yield* marks.c.writeOnce(1);
  const over = yield* marks.b.readOnce();
  if (cpus > 1) yield* migrate(cpus);
  yield* domain.readUnlock(idx);
  return over;
}

/** An update: something before the grace period, something after it. */
export function* update({ domain, marks }: Users): Task {
  yield* marks.a.writeOnce(1);
  yield* domain.synchronize();
  yield* marks.b.writeOnce(1);
}

/** A second updater: what it did before its grace period, others see after theirs. */
export function* secondUpdate({ domain, marks }: Users): Task<number> {
  yield* marks.c.writeOnce(2);
  yield* domain.synchronize();
  return yield* marks.b.readOnce();
}
