/** Counters and clocks for a VM: allocated only for VMs that ask for them. */
import type { Task } from '@faultline/machine';
import { HostClock } from '../host/clock.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm } from '../virt/create-vm.ts';
import { BIAS, VcpuTsc, VmTsc } from './tsc-state.ts';

export interface TscOptions {
  readonly vcpus?: number;
  readonly hostTscStable?: boolean;
  /** What 6.1 does not have. */
  readonly knowsUserSet?: boolean;
  /** The host's counter and clock to begin with. */
  readonly tsc?: number;
  readonly ns?: number;
}

/** For set-up: vCPUs that exist, and whose counters nobody has written. */
export function* createTscVm(options: TscOptions = {}): Task<VmTsc> {
  const vm = VmTsc.alloc();
  const host = HostClock.alloc();
  vm.kvm = yield* createVm();
  vm.host = host;
  vm.hostTscStable = options.hostTscStable === false ? 0 : 1;
  vm.knowsUserSet = options.knowsUserSet === false ? 0 : 1;
  host.tsc.poke(options.tsc ?? 100);
  host.ns.poke(options.ns ?? 100);
  vm.curTscOffset.poke(BIAS);
  for (let id = 0; id < (options.vcpus ?? 2); id++) {
    const vcpu = yield* createVcpu(vm.kvm, id);
    if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
    const tsc = VcpuTsc.alloc();
    tsc.vm = vm;
    tsc.vcpu = vcpu;
    tsc.khz = 1;
    tsc.tscOffset.poke(BIAS);
    vm.vcpus.set(id, tsc);
  }
  return vm;
}
