import { assemble, gfn, gpaOf, KvmExit, setUserMemoryRegion, vcpuRun } from '@faultline/kvm';
import { scenario } from '@faultline/machine';
import { GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';

/**
 * The stale decision through the public door: KVM_RUN on one side, KVM_SET_USER_MEMORY_REGION on the other, as a
 * VMM does when it plugs memory in. The guest polls an address: an MMIO exit until the memory is there, then RAM.
 */
export const runMissesHotpluggedMemory = scenario('memslots/run-misses-hotplugged-memory', {
  title: 'a guest does not see memory that was plugged in',
  source: 'ee3d1570b586',
  size: '1 vCPU in KVM_RUN, 2 loads, 1 update, tree form, through the door',
  defends: ['memslots.wait_for_readers'],
  *setup() {
    const vm = yield* smallVm({ form: 'modern', tableEntries: 2 });
    vm.kvm.memory?.content.at(GFN).poke(7n);
    const load = { op: 'load', gpa: gpaOf(gfn(GFN)) } as const;
    vm.vcpu.program = assemble([load, load, { op: 'hlt' }]);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu, flags }: SmallVm) {
      const exits: string[] = [];
      let after = false;
      for (let i = 0; i < 3 && exits.at(-1) !== 'HLT'; i++) {
        after = (yield* flags.returned.loadAcquire()) === 1;
        yield* vcpuRun(vcpu);
        exits.push(vcpu.run.exitReason === KvmExit.MMIO ? (after ? 'late MMIO' : 'MMIO') : 'HLT');
      }
      return { exits, value: vcpu.rax };
    },
    *ioctl({ kvm, flags }: SmallVm) {
      const result = yield* setUserMemoryRegion(kvm, region(GFN, 1));
      yield* flags.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'no KVM_RUN that starts after the ioctl returned exits for MMIO': ({ results: { vcpu0 } }) =>
      !vcpu0.exits.includes('late MMIO'),
  },
  sometimes: {
    'both loads are MMIO': ({ results: { vcpu0 } }) => vcpu0.exits.filter((e) => e === 'MMIO').length === 2,
    'neither is, and the guest reads the memory': ({ results: { vcpu0 } }) =>
      vcpu0.exits[0] === 'HLT' && vcpu0.value === 7n,
  },
});
