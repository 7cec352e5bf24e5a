import {
  createHardwareVm,
  type HardwareOptions,
  type HardwareVm,
  HostPower,
  hostCpu,
  hostSuspend,
  type KvmHardware,
  putVm,
  runSomewhere,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { enabledCpus, HOME, hardwareHost } from '../vm/hardware-host.ts';

interface Sleeping {
  readonly hw: KvmHardware;
  readonly pm: HostPower;
  readonly vm: HardwareVm;
}

/**
 * virt/kvm/kvm_main.c kvm_suspend(), kvm_resume().
 *
 * The host sleeps under a VM. CPUs lose VMX operation by that, so KVM leaves it before and enters it again after, on the
 * last CPU by itself and on the others as they go and come. Tasks are frozen all the while, between two ioctls.
 */
function sleeps(name: string, form: NonNullable<HardwareOptions['form']>, source: string) {
  return scenario(name, {
    title: 'the host sleeps, and a vCPU enters its guest on a CPU that has forgotten VMX operation',
    source,
    size: `1 VM, its vCPU entered twice, 2 CPUs, 1 sleep of the host, ${form}`,
    defends: ['hw.enable_after_sleep', 'hw.disable_for_sleep', 'hw.freeze_tasks'],
    *setup() {
      const hw = yield* hardwareHost(form, true);
      const vm = yield* createHardwareVm(hw, hostCpu(hw, HOME));
      if (typeof vm === 'number') throw new Error(`KVM_CREATE_VM failed: ${vm}`);
      return { hw, pm: HostPower.alloc(), vm };
    },
    threads: {
      *vmm({ hw, pm, vm }: Sleeping) {
        yield* pm.freezer.readLock();
        const first = yield* runSomewhere(hw);
        yield* pm.freezer.readUnlock();
        yield* pm.freezer.readLock();
        yield* runSomewhere(hw);
        yield* pm.freezer.readUnlock();
        yield* pm.freezer.readLock();
        yield* putVm(vm, hostCpu(hw, HOME));
        yield* pm.freezer.readUnlock();
        return first;
      },
      *host({ hw, pm }: Sleeping) {
        yield* hostSuspend(hw, pm);
      },
    },
    always: {
      'no vCPU enters its guest on a CPU that is not enabled': never('BUG'),
      'nobody is enabled or counted beside a CPU that sleeps': never('wrong guard'),
      'nobody waits where a CPU cannot': never('sleeping function called from invalid context'),
      'no CPU is left enabled when the last VM is gone': (_, { hw }) => enabledCpus(hw) === 0,
    },
    sometimes: { 'the vCPU runs on the second CPU': ({ results }) => results.vmm === 1 },
  });
}

export const hostSleepsBefore = sleeps('hw/host-sleeps-before-6-3', 'kvm_count_lock', 'kvm_suspend of 6.1');
export const hostSleeps = sleeps('hw/host-sleeps', 'kvm_lock', 'kvm_suspend since 6.3');
export const hostSleepsSince = sleeps(
  'hw/host-sleeps-since-6-12',
  'kvm_usage_lock',
  'kvm_suspend since 6.12',
);
