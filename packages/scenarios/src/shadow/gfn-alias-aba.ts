import { type Gpa, KVM_MEM_LOG_DIRTY_PAGES } from '@faultline/kvm';
import {
  getDirtyLog,
  guestRead,
  guestWrite,
  mergePages,
  shadowFastPageFault,
  swapOut,
  tdpAccess,
  vcpuGfnToMemslot,
} from '@faultline/kvm/seams';
import { type AnyScenario, scenario, type Task } from '@faultline/machine';
import { contentOfPage } from '../vm/frames.ts';
import { writePage } from '../vm/host-pages.ts';
import { HVA0, HVA1 } from '../vm/mmu-vm.ts';
import { A, ENTRY_A, entryFor, PAGE_A, type ShadowVm, shadowVm } from '../vm/shadow-vm.ts';

const LOGGED = 'a page that differs from its copy is in the next harvest';

/**
 * Seeds 000 and 003, "the mapping from gfn to pfn". The fast path has read an entry of an indirect page. The frame is
 * swapped out, taken for another page, and the guest has pointed its own entry to that one: the shadow entry is back, bit
 * for bit, and means another page. The cmpxchg succeeds, and the log has the wrong one.
 *
 * It takes a walk that nobody waits for. The walk that KVM has keeps interrupts off, and whoever swaps the frame out flushes
 * before anybody else gets it: that flush waits for the end of the walk.
 */
function aba(name: string, fixes: boolean, claims: NonNullable<AnyScenario['claims']>): AnyScenario {
  const held = fixes ? '; the fast path holds the frame' : '; no fast path';
  return scenario(`shadow/${name}`, {
    title: 'the log names the page that an entry meant before',
    source: 'Documentation/virt/kvm/locking.rst, "The mapping from gfn to pfn"; gfn_to_pfn_atomic',
    size: `2 vCPUs, 1 fast page fault, 1 page swapped out and its frame reused for another, 1 harvest, 6 frames, tables of 2 levels${held}`,
    claims,
    defends: [],
    *setup() {
      const vm = yield* shadowVm({
        vcpus: 2,
        flags: KVM_MEM_LOG_DIRTY_PAGES,
        mmu: { shadow: { indirectFastPageFault: fixes } },
      });
      yield* guestRead(vm.vcpu, PAGE_A);
      // The guest has changed its entry, and has not flushed yet: the shadow still has the old one.
      yield* guestWrite(vm.vcpu, ENTRY_A, entryFor(1));
      yield* swapOut(vm.kvm, HVA1);
      yield* getDirtyLog(vm.kvm, 0);
      return vm;
    },
    threads: {
      *vcpu0(vm: ShadowVm) {
        const fixed = yield* fastOnly(vm, PAGE_A);
        // One attempt: what happens after another fault is not of interest here.
        if (fixed) yield* tdpAccess(vm.vcpu, PAGE_A, true, 7n);
        return fixed;
      },
      *other(vm: ShadowVm) {
        yield* swapOut(vm.kvm, HVA0);
        yield* guestRead(vm.vcpus[1] as ShadowVm['vcpu'], PAGE_A);
        yield* getDirtyLog(vm.kvm, 0);
        return contentOfPage(vm, 1);
      },
    },
    always: {
      [LOGGED]: ({ results }, vm) => contentOfPage(vm, 1) === results.other || logged(vm, 1),
    },
    sometimes: fixes ? { 'the fast path fixes the entry': ({ results }) => results.vcpu0 } : {},
  });
}

/** The fast page fault of a write, and no other way to fix it. */
function* fastOnly({ kvm, vcpu }: ShadowVm, gpa: Gpa): Task<boolean> {
  const idx = yield* kvm.srcu.readLock();
  const slot = yield* vcpuGfnToMemslot(vcpu, 0 as Parameters<typeof vcpuGfnToMemslot>[1]);
  if (slot === null) throw new Error('the slot is gone');
  const fault = { gpa, write: true, spte: PRESENT, slots: null, waitFor: [] };
  const walker = { gfn: slot.baseGfn, level: 1, access: 6, tables: [], accesses: [], gptes: [] };
  const fixed = yield* shadowFastPageFault(vcpu, fault, walker, slot);
  yield* kvm.srcu.readUnlock(idx);
  return fixed;
}

/** Whatever the hardware saw, it was present. */
const PRESENT = 1n << 11n;

function logged({ kvm }: ShadowVm, page: number): boolean {
  const bits = kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap?.words.at(0).peek() ?? 0;
  return ((bits >>> page) & 1) === 1;
}

const IN_PART =
  'the cmpxchg succeeds as in the table if nobody waits for the walk; with interrupts off, the flush of the swap-out does, and the frame stays until the walk is over';

/** As today: fast page fault leaves indirect pages alone. */
export const gfnAlias = aba('gfn-alias-aba', false, [
  { seed: '000.25', says: IN_PART, verdict: 'holds in part' },
  { seed: '000.27', says: 'with the fast path off for them, the log is right', verdict: 'holds' },
  { seed: '003.7', says: IN_PART, verdict: 'holds in part' },
]);

/** As proposed in 2012. */
export const gfnAliasHeld = aba('gfn-alias-aba-with-frame-held', true, [
  { seed: '000.28', says: 'it does, whether or not anybody waits for the walk', verdict: 'holds' },
  { seed: '000.29', says: 'reclaim does not give away a frame that is held', verdict: 'holds' },
  { seed: '000.31', says: 'the page that is written is in the log', verdict: 'holds' },
  {
    seed: '003.9',
    says: 'the reference is taken, and looked at again, before the cmpxchg',
    verdict: 'holds',
  },
  { seed: '003.10', says: 'reclaim does not give away a frame that is held', verdict: 'holds' },
  { seed: '003.12', says: 'the page that is written is in the log', verdict: 'holds' },
]);

/**
 * The same by merging: the pages of both frames hold the same, and get to share the first one's; the VMM writes the first
 * page, which leaves the frame, and then the second, which keeps it.
 *
 * Three defences, each enough: the walk has interrupts off, and merging flushes; a frame that is held is not merged; and,
 * merged all the same, it is not kept by the page that is left on it.
 */
export const gfnAliasMerged = scenario('shadow/gfn-alias-aba-by-merging', {
  title: 'the log names the page that an entry meant before its frame was merged with another',
  source:
    'Documentation/virt/kvm/locking.rst, "The mapping from gfn to pfn"; write_protect_page, reuse_ksm_page',
  size: '2 vCPUs, 1 fast page fault that holds the frame, 1 merge of 2 pages, 1 write to each, 1 harvest, 7 frames, tables of 2 levels, KSM of 5.1',
  deep: true,
  defends: ['notifier.merge_only_unreferenced', 'notifier.keep_only_unreferenced'],
  *setup() {
    const vm = yield* shadowVm({
      vcpus: 2,
      frames: 7,
      flags: KVM_MEM_LOG_DIRTY_PAGES,
      mmu: { keepsMerged: true, shadow: { indirectFastPageFault: true } },
    });
    yield* writePage(vm.kvm, 1, A);
    yield* guestRead(vm.vcpu, PAGE_A);
    yield* guestWrite(vm.vcpu, ENTRY_A, entryFor(1));
    yield* getDirtyLog(vm.kvm, 0);
    return vm;
  },
  threads: {
    *vcpu0(vm: ShadowVm) {
      const fixed = yield* fastOnly(vm, PAGE_A);
      if (fixed) yield* tdpAccess(vm.vcpu, PAGE_A, true, 7n);
      return fixed;
    },
    *other(vm: ShadowVm) {
      const merged = yield* mergePages(vm.kvm, HVA0, HVA1);
      yield* writePage(vm.kvm, 0, 1n);
      yield* writePage(vm.kvm, 1, 2n);
      yield* guestRead(vm.vcpus[1] as ShadowVm['vcpu'], PAGE_A);
      yield* getDirtyLog(vm.kvm, 0);
      return { merged, copy: contentOfPage(vm, 1) };
    },
  },
  always: {
    [LOGGED]: ({ results }, vm) => contentOfPage(vm, 1) === results.other.copy || logged(vm, 1),
  },
  sometimes: {
    'the pages are merged': ({ results }) => results.other.merged,
    'they are not: one is written': ({ results }) => !results.other.merged,
    'the fast path fixes the entry': ({ results }) => results.vcpu0,
  },
});
