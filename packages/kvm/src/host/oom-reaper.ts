/**
 * @area locks
 *
 * The OOM reaper: takes pages away from a process that is to die, so that others get memory. It may not sleep, since who
 * waits for that memory may hold whatever it would wait for; its notifiers may not either.
 */
import { type Task, warnOn } from '@faultline/machine';
import { type Hva, PAGE_SIZE } from '../types.ts';
import type { Kvm } from '../virt/kvm.ts';
import { invalidateRangeEnd, invalidateRangeStart } from '../virt/mmu-notifier.ts';
import { type MmStruct, PTE_PRESENT, ptePfn, putPage } from './mm.ts';

/** Takes the page at `hva` away. @kernel __oom_reap_task_mm mm/oom_kill.c */
export function* oomReap(kvm: Kvm, hva: Hva): Task {
  const mm = kvm.mmStruct as MmStruct;
  yield* mm.nonBlockCount.writeOnce(1);
  yield* invalidateRangeStart(kvm, hva, (hva + PAGE_SIZE) as Hva);
  yield* mm.nonBlockCount.writeOnce(0);
  const old = yield* mm.ptes.at(Math.floor(hva / PAGE_SIZE)).xchg(0n);
  if ((old & PTE_PRESENT) !== 0n) yield* putPage(mm, ptePfn(old));
  yield* invalidateRangeEnd(kvm, hva, (hva + PAGE_SIZE) as Hva);
}

/** What taking a sleeping lock says where one may not sleep. @kernel __might_sleep kernel/sched/core.c */
export function* mightSleep(mm: MmStruct): Task {
  const count = yield* mm.nonBlockCount.readOnce();
  warnOn(count > 0, 'BUG: sleeping function called from invalid context');
}
