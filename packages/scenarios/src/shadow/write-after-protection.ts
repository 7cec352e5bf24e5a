import { guestRead, guestWrite, loadCr3 } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import {
  A,
  B,
  CR3,
  ENTRY_A,
  ENTRY_B,
  entryFor,
  PAGE_A,
  protectShadowForLogging,
  type ShadowVm,
  shadowVm,
} from '../vm/shadow-vm.ts';

/**
 * Seed 003, "flush tlbs due to shadow page table write-protected". A page is read-only for the log when it becomes a table
 * that is mirrored. Whether TLBs have to be flushed is not to be judged by W: the fast path sets it a moment later, and
 * the writable translation stays in a TLB. MMU-writable says whether that could have happened.
 */
export const writeAfterProtection = scenario('shadow/write-after-protection', {
  deep: true,
  title: 'a mirrored table is written through a TLB that the fast path has made writable',
  source: 'seed 003, rmap_write_protect',
  size: '1 vCPU without tables that writes a table twice, 1 vCPU that begins to use it and flushes; pages of 2 levels',
  claims: [
    {
      seed: '000.22',
      says: 'MMU-writable is taken away with W when the page becomes a mirrored table, and the fast path leaves it alone',
      verdict: 'holds',
    },
    {
      seed: '000.36',
      says: 'it judges the value that was replaced, by MMU-writable: every way from writable to not flushes',
      verdict: 'holds',
    },
    {
      seed: '003.13',
      says: 'to flush always is enough; so is to flush if the value that was replaced was MMU-writable and W goes for good',
      verdict: 'holds in part',
    },
    {
      seed: '003.14',
      says: 'if W alone decides, a writable translation stays in a TLB as in the table',
      verdict: 'holds',
    },
  ],
  defends: [
    'shadow.protect_what_may_become_writable',
    'shadow.take_mmu_writable',
    'shadow.flush_protected_table',
  ],
  *setup() {
    const vm = yield* shadowVm({ vcpus: 2, flat: 1 });
    yield* guestRead(vm.vcpu, ENTRY_A);
    protectShadowForLogging(vm);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu, said }: ShadowVm) {
      yield* guestWrite(vcpu, ENTRY_B, entryFor(1));
      yield* guestWrite(vcpu, ENTRY_A, entryFor(1));
      yield* said.done.storeRelease(1);
    },
    *vcpu1({ vcpus, said }: ShadowVm) {
      const vcpu = vcpus[1] as ShadowVm['vcpu'];
      const first = (yield* guestRead(vcpu, PAGE_A)).value;
      const done = yield* said.done.loadAcquire();
      yield* loadCr3(vcpu, CR3);
      return { first, done, second: (yield* guestRead(vcpu, PAGE_A)).value };
    },
  },
  always: {
    'a flush after the write shows what the table says': ({ results: { vcpu1 } }) =>
      vcpu1.done === 0 || vcpu1.second === B,
  },
  sometimes: {
    'the table is used before it is written': ({ results: { vcpu1 } }) =>
      vcpu1.first === A && vcpu1.done === 1,
    'it is written before it is used': ({ results: { vcpu1 } }) => vcpu1.first === B,
  },
});
