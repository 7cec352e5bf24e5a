/** Locks as the explorer saw them asked for, under the names that rules and documents use. */
import { lockOfClass } from '@faultline/kvm/locks';
import type { HeldMode, Use, WantMode } from '@faultline/lockdep';
import type { LockRow } from '../run/job.ts';

const WANT: Readonly<Record<LockRow['asked'], WantMode>> = {
  mutex_lock: 'exclusive',
  mutex_trylock: 'exclusive',
  spin_lock: 'exclusive',
  write_lock: 'exclusive',
  read_lock: 'read',
  srcu_read_lock: 'recursive-read',
  synchronize_srcu: 'synchronize',
  wait: 'wait',
  irqs_on: 'exclusive',
  irqs_on_read: 'read',
};

const HELD: Readonly<Record<string, HeldMode>> = {
  exclusive: 'exclusive',
  shared: 'shared',
  section: 'shared',
};

/** The name in the documents, else the one that the model has. */
export function nameOf(lock: string): string {
  return lockOfClass(lock)?.name ?? lock;
}

/** Is it one of KVM's locks? Not: a lock inside SRCU, a CPU's interrupts, a section of RCU. */
export function isCatalogued(lock: string): boolean {
  return lockOfClass(lock) !== undefined;
}

/** Requests for KVM's locks with what was held of them; a trylock cannot wait, and orders nothing. */
export function usesOf(rows: readonly LockRow[]): Use[] {
  return asUses(rows.filter(({ asked }) => asked !== 'mutex_trylock' && !isRestored(asked)));
}

/** Of locks that are held when interrupts come back on, which is as if they were taken then. */
export function restoredOf(rows: readonly LockRow[]): Use[] {
  return asUses(rows.filter(({ asked }) => isRestored(asked))).map((use) => ({ ...use, held: [] }));
}

function isRestored(asked: LockRow['asked']): boolean {
  return asked === 'irqs_on' || asked === 'irqs_on_read';
}

function asUses(rows: readonly LockRow[]): Use[] {
  return rows
    .filter(({ lock }) => isCatalogued(lock))
    .map(({ lock, asked, held, irqsOff, paths }) => ({
      lock: nameOf(lock),
      want: WANT[asked],
      op: asked,
      held: held
        .filter((h) => isCatalogued(h.lock))
        .map((h) => ({ lock: nameOf(h.lock), mode: HELD[h.how] as HeldMode })),
      irqsOff,
      paths,
    }));
}

/** What is awaited with a lock held, other than locks and readers: 'kvm->mn_active_invalidate_count'. */
export function waitsOf(rows: readonly LockRow[]): LockRow[] {
  return rows.filter(({ asked, held }) => asked === 'wait' && held.some((h) => isCatalogued(h.lock)));
}
