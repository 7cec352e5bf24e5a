/**
 * @area mmu
 *
 * Freeing page-table pages. Walkers without mmu_lock, and walkers that share it, may stand in a page that has just been
 * unlinked; they are inside RCU, so the page is freed after a grace period.
 */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import { MmuPage } from './mmu-page.ts';

/** Hands an unlinked page over. @kernel tdp_mmu_free_sp_rcu_callback arch/x86/kvm/mmu/tdp_mmu.c */
export function* callRcu(kvm: Kvm, page: MmuPage): Task {
  yield* kvm.rcuCallbacksLock.lock();
  page.rcuNext = kvm.rcuCallbacks;
  kvm.rcuCallbacks = page;
  yield* kvm.rcuCallbacksLock.unlock();
}

/**
 * What RCU does by itself at some time: takes the callbacks that are there, waits for every reader that might still see
 * one of their pages, frees the pages. @kernel rcu_do_batch kernel/rcu/tree.c
 */
export function* rcuDoBatch(kvm: Kvm): Task {
  yield* kvm.rcuCallbacksLock.lock();
  let page = kvm.rcuCallbacks;
  kvm.rcuCallbacks = null;
  yield* kvm.rcuCallbacksLock.unlock();
  if (page === null) return;
  wait_for_walkers: yield* kvm.rcu.synchronize();
  yield* kvm.rcuCallbacksLock.lock();
  while (page !== null) {
    const next: MmuPage | null = page.rcuNext;
    MmuPage.free(page);
    page = next;
  }
  yield* kvm.rcuCallbacksLock.unlock();
}
