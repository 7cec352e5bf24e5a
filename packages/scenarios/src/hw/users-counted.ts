import {
  calledFunctions,
  cpuUp,
  createHardwareVm,
  type HardwareOptions,
  type HardwareVm,
  hostCpu,
  type KvmHardware,
  noMoreVectors,
  putVm,
  runSomewhere,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { enabledCpus, HOME, hardwareHost, shortVmm } from '../vm/hardware-host.ts';

type Form = NonNullable<HardwareOptions['form']>;

/** Two VMs are made and ended at the same time. */
function twoVms(name: string, form: Form, defends: readonly string[]) {
  return scenario(name, {
    title: 'one VM is ended, and another one loses the virtualization that it uses',
    source: 'hardware_enable_all, hardware_disable_all',
    size: `2 VMs with 1 vCPU each, 2 CPUs, ${form}`,
    defends,
    *setup() {
      return yield* hardwareHost(form, true);
    },
    threads: {
      *vmm0(hw: KvmHardware) {
        return yield* shortVmm(hw);
      },
      *vmm1(hw: KvmHardware) {
        return yield* shortVmm(hw);
      },
    },
    always: {
      'no vCPU enters its guest on a CPU that is not enabled': never('BUG'),
      'no CPU is left enabled when the last VM is gone': (_, hw) => enabledCpus(hw) === 0,
    },
    sometimes: { 'both run on CPU 1': ({ results }) => results.vmm0 === 1 && results.vmm1 === 1 },
  });
}

export const twoVmsBefore = twoVms('hw/other-vm-loses-virtualization-before-6-3', 'kvm_count_lock', [
  'hw.disable_for_last',
]);
export const twoVmsKvmLock = twoVms('hw/other-vm-loses-virtualization', 'kvm_lock', [
  'hw.count_users',
  'hw.disable_for_last',
]);
export const twoVmsSince = twoVms('hw/other-vm-loses-virtualization-since-6-12', 'kvm_usage_lock', [
  'hw.enable_those_that_are_up',
  'hw.disable_those_that_are_up',
]);

/** VMX is locked off on CPU 1: no VM can be made, and CPU 0 is not left enabled for nobody. */
function halfway(name: string, form: Form, defends: readonly string[]) {
  return scenario(name, {
    title: 'one CPU cannot be enabled, and a VM is made all the same, or the others stay enabled',
    source: 'hardware_enable_all',
    size: `1 VM, 2 CPUs of which 1 cannot, ${form}`,
    defends,
    *setup() {
      return yield* hardwareHost(form, true, { lockedCpu: 1 });
    },
    threads: {
      *vmm(hw: KvmHardware) {
        const result = yield* shortVmm(hw);
        if (hw.cpus !== null) yield* noMoreVectors(hw.cpus);
        return result;
      },
      *cpu1(hw: KvmHardware) {
        yield* calledFunctions(hw, hostCpu(hw, 1));
      },
    },
    always: {
      'no vCPU enters its guest on a CPU that is not enabled': never('BUG'),
      'no CPU is left enabled when the last VM is gone': (_, hw) => enabledCpus(hw) === 0,
    },
    sometimes: { 'the ioctl fails': ({ results }) => (results.vmm ?? 0) < 0 },
  });
}

export const createFailsHalfway = halfway('hw/create-fails-halfway', 'kvm_lock', [
  'hw.undo_failed_round',
  'hw.disable_if_enabled',
]);
export const createFailsHalfwaySince = halfway('hw/create-fails-halfway-since-6-12', 'kvm_usage_lock', [
  'hw.undo_failed_round',
]);

/** A CPU that cannot be enabled comes up while there is a VM. */
function refused(name: string, form: Form, more: { defends?: readonly string[]; expect?: 'violated' }) {
  return scenario(name, {
    title: 'a CPU that cannot be enabled comes up, and a vCPU is run there',
    source: form === 'kvm_count_lock' ? 'kvm_starting_cpu up to 6.2' : 'kvm_online_cpu since 6.3',
    size: `1 VM with 1 vCPU, 2 CPUs of which 1 comes up and cannot, ${form}`,
    ...more,
    *setup() {
      return yield* hardwareHost(form, false, { lockedCpu: 1 });
    },
    threads: {
      *vmm(hw: KvmHardware) {
        return yield* shortVmm(hw);
      },
      *hotplug(hw: KvmHardware) {
        return yield* cpuUp(hw, hostCpu(hw, 1));
      },
    },
    always: { 'no vCPU enters its guest on a CPU that is not enabled': never('BUG') },
    sometimes: { 'the vCPU runs': ({ results }) => results.vmm === 0 },
  });
}

export const lockedCpuComesUp = refused('hw/locked-cpu-comes-up', 'kvm_lock', { defends: ['hw.refuse_cpu'] });
export const lockedCpuComesUpSince = refused('hw/locked-cpu-comes-up-since-6-12', 'kvm_usage_lock', {
  defends: ['hw.refuse_cpu'],
});
export const lockedCpuComesUpBefore = refused('hw/locked-cpu-comes-up-before-6-3', 'kvm_count_lock', {
  expect: 'violated',
});

interface OpenVm {
  readonly hw: KvmHardware;
  readonly vm: HardwareVm;
}

/** The VM's descriptor is closed while its vCPU, which has one of its own, still runs. */
export const vmFdClosed = scenario('hw/vm-closed-under-a-vcpu', {
  title: "the VM's descriptor is closed, and a vCPU that still runs loses virtualization",
  source: 'kvm_put_kvm, kvm_destroy_vm',
  size: '1 VM with 1 vCPU, 2 CPUs, kvm_lock',
  *setup(): Task<OpenVm> {
    const hw = yield* hardwareHost('kvm_lock', true);
    const vm = yield* createHardwareVm(hw, hostCpu(hw, HOME));
    if (typeof vm === 'number') throw new Error(`KVM_CREATE_VM failed: ${vm}`);
    vm.usersCount.poke(2);
    return { hw, vm };
  },
  threads: {
    *vmm({ hw, vm }: OpenVm) {
      yield* putVm(vm, hostCpu(hw, HOME));
    },
    *vcpu0({ hw, vm }: OpenVm) {
      yield* runSomewhere(hw);
      yield* putVm(vm, hostCpu(hw, 1));
    },
  },
  always: {
    'no vCPU enters its guest on a CPU that is not enabled': never('BUG'),
    'no CPU is left enabled when the last VM is gone': (_, { hw }) => enabledCpus(hw) === 0,
  },
  sometimes: { 'the vCPU runs': ({ results }) => 'vcpu0' in results },
});
