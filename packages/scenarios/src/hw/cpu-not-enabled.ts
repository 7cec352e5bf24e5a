import { cpuDown, cpuUp, type HardwareOptions, hostCpu, type KvmHardware } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { enabledCpus, hardwareHost, shortVmm } from '../vm/hardware-host.ts';

type Form = NonNullable<HardwareOptions['form']>;

interface Case {
  readonly title: string;
  readonly source: string;
  readonly form: Form;
  readonly defends?: readonly string[];
  readonly expect?: 'violated';
}

/**
 * The first VM is made while CPU 1 comes up. The round over the CPUs that are online and the word that the new one is
 * given must not both miss it: the vCPU may be run there next.
 */
function comesUp(name: string, { form, ...more }: Case) {
  return scenario(name, {
    size: `1 VM with 1 vCPU, 2 CPUs of which 1 comes up, ${form}`,
    ...more,
    *setup() {
      return yield* hardwareHost(form, false);
    },
    threads: {
      *vmm(hw: KvmHardware) {
        return yield* shortVmm(hw);
      },
      *hotplug(hw: KvmHardware) {
        return yield* cpuUp(hw, hostCpu(hw, 1));
      },
    },
    always: {
      'no vCPU enters its guest on a CPU that is not enabled': never('BUG'),
      'no CPU is left enabled when the last VM is gone': (_, hw) => enabledCpus(hw) === 0,
    },
    sometimes: { 'the vCPU runs on the new CPU': ({ results }) => results.vmm === 1 },
  });
}

export const newCpuMissed = comesUp('hw/new-cpu-missed', {
  title: 'a CPU comes up while the first VM is made, and nobody enables it',
  source: 'hardware_enable_all since 6.3',
  form: 'kvm_lock',
});

export const newCpuMissedSince = comesUp('hw/new-cpu-missed-since-6-12', {
  title: 'the same where the hotplug core walks over the CPUs',
  source: 'kvm_enable_virtualization since 6.12',
  form: 'kvm_usage_lock',
  defends: ['hw.call_for_new_cpus'],
});

export const newCpuMissedBefore = comesUp('hw/new-cpu-missed-before-6-3', {
  title: 'a new CPU looks at the count before it is online, and the first VM at the online CPUs in between',
  source: 'kvm_starting_cpu, hardware_enable_all up to 6.2',
  form: 'kvm_count_lock',
  expect: 'violated',
});

/** A VM is made and ended while CPU 1 goes, and comes back. */
function goes(name: string, { form, ...more }: Case) {
  return scenario(name, {
    size: `1 VM with 1 vCPU, 2 CPUs of which 1 goes down, ${form}`,
    ...more,
    *setup() {
      return yield* hardwareHost(form, true);
    },
    threads: {
      *vmm(hw: KvmHardware) {
        return yield* shortVmm(hw);
      },
      *hotplug(hw: KvmHardware) {
        yield* cpuDown(hw, hostCpu(hw, 1));
      },
    },
    always: {
      'no vCPU enters its guest on a CPU that is not enabled': never('BUG'),
      'no CPU is left enabled when the last VM is gone': (_, hw) => enabledCpus(hw) === 0,
    },
    sometimes: {
      'the vCPU runs there before it goes': ({ results }) => results.vmm === 1,
      'the vCPU runs elsewhere': ({ results }) => results.vmm === 0,
    },
  });
}

export const cpuGoesDown = goes('hw/cpu-goes-down-under-a-vm', {
  title: 'a CPU goes down, still enabled or enabled for the last vCPU no more',
  source: 'kvm_offline_cpu since 6.3',
  form: 'kvm_lock',
  defends: ['hw.disable_before_departure', 'hw.block_hotplug', 'hw.allow_hotplug'],
});

export const cpuGoesDownSince = goes('hw/cpu-goes-down-under-a-vm-since-6-12', {
  title: 'the same where the hotplug core calls',
  source: 'kvm_offline_cpu since 6.12',
  form: 'kvm_usage_lock',
  defends: ['hw.disable_when_called'],
});

export const cpuGoesDownBefore = goes('hw/cpu-goes-down-under-a-vm-before-6-3', {
  title: 'the same with the machine stopped',
  source: 'kvm_dying_cpu up to 6.2',
  form: 'kvm_count_lock',
  defends: ['hw.disable_on_departure'],
});
