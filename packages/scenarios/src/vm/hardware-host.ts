/** A host whose CPUs come and go, and VMs that need its virtualization. */
import {
  allocHardware,
  createHardwareVm,
  type HardwareOptions,
  hostCpu,
  type KvmHardware,
  putVm,
  runSomewhere,
} from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';

/** Tasks of the host run on CPU 0 unless they say otherwise. */
export const HOME = 0;

/** CPU 0 is up; CPU 1 is or is not. */
export function* hardwareHost(
  form: NonNullable<HardwareOptions['form']>,
  cpu1Up: boolean,
  more: HardwareOptions = {},
): Task<KvmHardware> {
  return allocHardware({ ...more, form, online: cpu1Up ? 0b11 : 0b01 });
}

/** A VMM: makes a VM, runs a vCPU wherever there is a CPU for it, and ends. Returns that CPU, or a negative errno. */
export function* shortVmm(hw: KvmHardware): Task<number> {
  const own = hostCpu(hw, HOME);
  const vm = yield* createHardwareVm(hw, own);
  if (typeof vm === 'number') return vm;
  const cpu = yield* runSomewhere(hw);
  yield* putVm(vm, own);
  return cpu;
}

/** CPUs in VMX operation, for predicates. */
export function enabledCpus(hw: KvmHardware): number {
  return [0, 1].filter((id) => hw.cpu.at(id).vmxOn === 1).length;
}
