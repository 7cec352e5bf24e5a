/** Posted interrupts for a VM: allocated only for VMs that have them, so that no other VM pays. */
import type { Task } from '@faultline/machine';
import { allocHostCpus, cpuOf } from '../hw/host-cpu.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm, type VmOptions } from '../virt/create-vm.ts';
import type { Vcpu } from '../virt/kvm.ts';
import { POSTED_INTR_VECTOR, withNdst, withNv } from './posted-intr-desc.ts';
import { PiDesc, PiPerCpu, VcpuPi, VmPi } from './posted-intr-state.ts';

export interface PostedInterruptOptions {
  /** Up to 5.16, or since 5.17. */
  readonly protocol?: 'old' | 'new';
  /** CPUs of the host, 1 or 2. */
  readonly cpus?: number;
  /** Each vCPU is loaded on the CPU of its id, modulo the number of CPUs. */
  readonly vcpus?: number;
  readonly assignedDevices?: number;
  readonly vm?: VmOptions;
}

/** For set-up. */
export function* createPostedInterrupts(options: PostedInterruptOptions = {}): Task<VmPi> {
  const kvm = yield* createVm(options.vm ?? {});
  const vm = VmPi.alloc();
  vm.kvm = kvm;
  vm.cpus = allocHostCpus(options.cpus ?? 1);
  vm.old = options.protocol === 'old' ? 1 : 0;
  vm.assignedDeviceCount.poke(options.assignedDevices ?? 1);
  for (let id = 0; id < vm.cpus.count; id++) vm.percpu.set(id, PiPerCpu.alloc());
  for (let id = 0; id < (options.vcpus ?? 1); id++) {
    const vcpu = yield* createVcpu(kvm, id);
    if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
    vm.vcpus.set(id, allocVcpuPi(vm, vcpu));
  }
  return vm;
}

function allocVcpuPi(vm: VmPi, vcpu: Vcpu): VcpuPi {
  const pi = VcpuPi.alloc();
  const { cpus } = vm;
  if (cpus === null) throw new Error('a VM with posted interrupts has a host');
  const cpu = cpuOf(cpus, vcpu.vcpuId % cpus.count);
  pi.vm = vm;
  pi.vcpu = vcpu;
  const desc = PiDesc.alloc();
  desc.words = 1;
  pi.desc = desc;
  pi.cpu.poke(cpu);
  pi.runsOn = cpu;
  desc.control.poke(withNv(withNdst(0n, cpu.id), POSTED_INTR_VECTOR));
  return pi;
}
