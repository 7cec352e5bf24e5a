import { KVM_MEM_LOG_DIRTY_PAGES } from '@faultline/kvm';
import { getDirtyLog, guestRead, guestWrite, swapOut } from '@faultline/kvm/seams';
import { type AnyScenario, scenario } from '@faultline/machine';
import { contentOfPage } from '../vm/frames.ts';
import { HVA0, HVA1 } from '../vm/mmu-vm.ts';
import { ENTRY_A, entryFor, PAGE_A, type ShadowVm, shadowVm } from '../vm/shadow-vm.ts';

/**
 * Seeds 000 and 003, "the mapping from gfn to pfn". The fast path has read an entry of an indirect page. The frame is
 * swapped out, taken for another page, and the guest points its own entry to that one: the shadow entry is back, bit for
 * bit, and means another page. The cmpxchg succeeds, and the log has the wrong one.
 */
function aba(
  name: string,
  fixes: boolean,
  claims: NonNullable<Parameters<typeof scenario>[1]['claims']>,
): AnyScenario {
  return scenario(`shadow/${name}`, {
    title: 'the log names the page that an entry meant before',
    source: 'Documentation/virt/kvm/locking.rst, "The mapping from gfn to pfn"; gfn_to_pfn_atomic',
    size: `2 vCPUs, 1 write, 1 page swapped out and its frame reused for another, 1 harvest, 6 frames, tables of 2 levels${fixes ? '; the fast path holds the frame' : ''}`,
    deep: true,
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
      *vcpu0({ vcpu }: ShadowVm) {
        yield* guestWrite(vcpu, PAGE_A, 7n);
      },
      *other(vm: ShadowVm) {
        const vcpu = vm.vcpus[1] as ShadowVm['vcpu'];
        yield* swapOut(vm.kvm, HVA0);
        yield* guestRead(vcpu, PAGE_A);
        yield* getDirtyLog(vm.kvm, 0);
        return contentOfPage(vm, 1);
      },
    },
    always: {
      'a page that differs from its copy is in the next harvest': ({ results }, vm) =>
        contentOfPage(vm, 1) === results.other || logged(vm, 1),
    },
    sometimes: {
      'the write goes to the other page': (_, vm) => contentOfPage(vm, 1) === 7n,
      'it goes to the first': (_, vm) => contentOfPage(vm, 0) === 7n,
    },
  });
}

function logged({ kvm }: ShadowVm, page: number): boolean {
  const bits = kvm.memslots.at(0).peek()?.gfnTree?.dirtyBitmap?.words.at(0).peek() ?? 0;
  return ((bits >>> page) & 1) === 1;
}

/** As today: fast page fault leaves indirect pages alone. */
export const gfnAlias = aba('gfn-alias-aba', false, []);

/** As proposed in 2012. */
export const gfnAliasHeld = aba('gfn-alias-aba-with-frame-held', true, []);
