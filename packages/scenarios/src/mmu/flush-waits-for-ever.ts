import { exitGuest, guestWrite, runInstruction, zapAllFast } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type EntryVm, entryVm } from '../vm/entry-vm.ts';
import { GPA0 } from '../vm/mmu-vm.ts';

/**
 * Roots are declared invalid and vCPUs told to let go of them in one section of mmu_lock, and whoever does that waits
 * until each CPU has taken the interrupt: an edge like that of a lock. The vCPU needs mmu_lock to let go. It takes it
 * before it switches interrupts off; a request that comes later is not dealt with on the spot, but by going back to where
 * they are on.
 */
export const flushWaitsForEver = scenario('mmu/flush-waits-for-a-vcpu-that-waits', {
  title: 'who holds mmu_lock waits for a vCPU with interrupts off, which waits for mmu_lock',
  source: 'vcpu_enter_guest, kvm_mmu_zap_all_fast',
  size: '1 vCPU, 1 access, 1 zap of everything, tables of 1 level, flush and entry real',
  *setup() {
    const vm = yield* entryVm();
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* exitGuest(vm.vcpu);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* runInstruction(vcpu, GPA0, false, 0n);
    },
    *vmm({ kvm }: EntryVm) {
      yield* kvm.slotsLock.lock();
      yield* zapAllFast(kvm);
      yield* kvm.slotsLock.unlock();
    },
  },
  always: {
    'the zap comes to an end': never('deadlock'),
  },
  sometimes: {
    'the guest is interrupted': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 1,
    'it is not': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 0,
  },
});
