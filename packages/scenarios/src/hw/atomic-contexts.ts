import {
  cpuUp,
  createHardwareVm,
  type HardwareVm,
  hostCpu,
  interruptOthers,
  type KvmHardware,
  putVm,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import { HOME, hardwareHost } from '../vm/hardware-host.ts';

/** A CPU comes up while a VM is made: each takes kvm_count_lock, one of them with interrupts off. */
function countLockTaken(name: string, preemptRt: boolean) {
  return scenario(name, {
    title: 'a CPU that comes up with interrupts off waits for a lock that sleeps',
    source: 'kvm_starting_cpu up to 6.2',
    size: `1 VM, 2 CPUs of which 1 comes up, kvm_count_lock${preemptRt ? ', PREEMPT_RT' : ''}`,
    preemptRt,
    defends: preemptRt ? [] : ['hw.enable_on_arrival'],
    claims: preemptRt
      ? [{ seed: '000.43', says: 'kvm_count_lock has to be raw under PREEMPT_RT', verdict: 'holds' }]
      : [],
    *setup() {
      return yield* hostWithVm();
    },
    threads: {
      *hotplug({ hw }: WithVm) {
        yield* cpuUp(hw, hostCpu(hw, 1));
      },
      *vmm({ hw }: WithVm) {
        const own = hostCpu(hw, HOME);
        const vm = yield* createHardwareVm(hw, own);
        if (typeof vm !== 'number') yield* putVm(vm, own);
      },
    },
    always: preemptRt
      ? { 'nobody sleeps where a CPU cannot': never('sleeping function called from invalid context') }
      : {
          'nobody sleeps where a CPU cannot': never('sleeping function called from invalid context'),
          'the count is looked at under its lock': never('wrong guard'),
          'a CPU that came up under a VM is enabled': (_, { hw }) => hw.cpu.at(1).vmxOn === 1,
        },
    sometimes: { 'the CPU is enabled': (_, { hw }) => hw.cpu.at(1).vmxOn === 1 },
  });
}

interface WithVm {
  readonly hw: KvmHardware;
  readonly vm: HardwareVm | number;
}

function* hostWithVm(): Task<WithVm> {
  const hw = yield* hardwareHost('kvm_count_lock', false);
  const vm = yield* createHardwareVm(hw, hostCpu(hw, HOME));
  return { hw, vm };
}

export const startingCpuSleeps = countLockTaken('hw/starting-cpu-sleeps', true);
export const startingCpuMissesCount = countLockTaken('hw/starting-cpu-misses-count', false);

/**
 * The last VM ends while CPU 1 comes up, and another one is made. The round that disables may miss the new CPU, which
 * was enabled on its arrival; the next round finds it enabled already.
 */
export const enabledTwice = scenario('hw/cpu-enabled-twice', {
  title: 'a CPU goes into VMX operation a second time',
  source: 'hardware_enable_nolock up to 6.2',
  size: '2 VMs one after the other, 2 CPUs of which 1 comes up, kvm_count_lock',
  defends: ['hw.enable_once'],
  *setup() {
    return yield* hostWithVm();
  },
  threads: {
    *hotplug({ hw }: WithVm) {
      yield* cpuUp(hw, hostCpu(hw, 1));
    },
    *vmm({ hw, vm }: WithVm) {
      const own = hostCpu(hw, HOME);
      if (typeof vm !== 'number') yield* putVm(vm, own);
      yield* createHardwareVm(hw, own);
    },
  },
  always: { 'no CPU executes VMXON twice': never('BUG') },
  sometimes: { 'both CPUs are enabled in the end': (_, { hw }) => hw.cpu.at(1).vmxOn === 1 },
});

/** Two CPUs each interrupt the other, and wait until it has taken that. */
export const twoRounds = scenario('hw/two-cpus-wait-for-each-other', {
  title: 'two CPUs wait for each other to take an interrupt',
  source: 'kvm_make_all_cpus_request, smp_call_function_many',
  size: '2 CPUs, an interrupt with an acknowledgement each',
  *setup() {
    return yield* hostWithVm();
  },
  threads: {
    *cpu0({ hw }: WithVm) {
      if (hw.cpus !== null) yield* interruptOthers(hw.cpus, hostCpu(hw, 0));
      return true;
    },
    *cpu1({ hw }: WithVm) {
      if (hw.cpus !== null) yield* interruptOthers(hw.cpus, hostCpu(hw, 1));
      return true;
    },
  },
  always: { 'both come back': never('deadlock') },
  sometimes: { 'both have been answered': ({ results }) => results.cpu0 === true && results.cpu1 === true },
});
