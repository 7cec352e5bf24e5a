/** A VM and its vCPUs as far as virtualization of the host is concerned: who keeps it enabled, and who needs it. */
import {
  type Cell,
  cell32,
  choose,
  ptr,
  type StructType,
  struct,
  type Task,
  type View,
} from '@faultline/machine';
import { cpuOf, type HostCpu, type HostCpus, localIrqRestore, localIrqSave } from '../hw/host-cpu.ts';
import { cpusIn } from '../hw/on-each-cpu.ts';
import { hardwareDisableAll, hardwareEnableAll } from './hardware-enable.ts';
import { vmlaunch } from './hardware-enable-cpu.ts';
import { KvmHardware } from './hardware-enable-state.ts';

/** File descriptors that keep a VM: its own, and one of each vCPU. */
export interface HardwareVm extends View {
  hw: KvmHardware | null;
  readonly usersCount: Cell<number>;
}

export const HardwareVm: StructType<HardwareVm> = struct(
  'hardware_vm',
  { hw: ptr((): StructType<KvmHardware> => KvmHardware), usersCount: cell32 },
  { as: 'kvm' },
);

/** A VM with a descriptor of its own, or a negative errno. @kernel kvm_create_vm virt/kvm/kvm_main.c */
export function* createHardwareVm(hw: KvmHardware, own: HostCpu): Task<HardwareVm | number> {
  const result = yield* hardwareEnableAll(hw, own);
  if (result !== 0) return result;
  const vm = HardwareVm.alloc();
  vm.hw = hw;
  yield* vm.usersCount.writeOnce(1);
  return vm;
}

/** A descriptor is closed; the last one takes the VM with it. @kernel kvm_put_kvm virt/kvm/kvm_main.c */
export function* putVm(vm: HardwareVm, own: HostCpu): Task {
  if ((yield* vm.usersCount.fetchAdd(-1 >>> 0)) !== 1) return;
  yield* hardwareDisableAll(vm.hw as KvmHardware, own);
  HardwareVm.free(vm);
}

/** A vCPU enters its guest once, on a CPU that runs tasks, and stays there meanwhile. */
export function* runSomewhere(hw: KvmHardware): Task<number> {
  for (;;) {
    const active = cpusIn(hw.cpus as HostCpus, yield* hw.active.readOnce());
    const cpu = active[active.length === 1 ? 0 : yield* choose('CPU that runs the vCPU', active.length)];
    if (cpu === undefined) throw new Error('no CPU runs tasks');
    yield* cpu.preempt.lock();
    const here = ((yield* hw.active.readOnce()) & (1 << cpu.id)) !== 0;
    if (here) yield* enterOn(hw, cpu);
    yield* cpu.preempt.unlock();
    if (here) return cpu.id;
  }
}

function* enterOn(hw: KvmHardware, cpu: HostCpu): Task {
  yield* localIrqSave(cpu);
  vmlaunch(hw, cpu);
  yield* localIrqRestore(cpu);
}

/** The CPU whose id it is. */
export function hostCpu(hw: KvmHardware, id: number): HostCpu {
  return cpuOf(hw.cpus as HostCpus, id);
}
