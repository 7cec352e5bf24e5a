/** Small machines that scenarios start from: a VM, its vCPUs, and flags by which threads tell each other what is over. */

import {
  createVcpu,
  createVm,
  gpa,
  type Kvm,
  PAGE_SIZE,
  type UserspaceMemoryRegion,
  type Vcpu,
  type VmOptions,
} from '@faultline/kvm';
import { type Cell, cell32, type StructType, struct, type Task, type View } from '@faultline/machine';

/** What threads of a scenario tell each other. Not KVM's: a user space that knows its ioctl has returned. */
export interface Flags extends View {
  readonly returned: Cell<number>;
}

const Flags: StructType<Flags> = struct('scenario_flags', { returned: cell32 }, { as: 'vmm' });

/** Flags that nobody has set. */
export function createFlags(): Flags {
  return Flags.alloc();
}

export interface SmallVm {
  readonly kvm: Kvm;
  readonly vcpu: Vcpu;
  readonly flags: Flags;
}

/** A VM with one vCPU. */
export function* smallVm(options: VmOptions = {}): Task<SmallVm> {
  const kvm = yield* createVm(options);
  const vcpu = yield* createVcpu(kvm, 0);
  if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
  return { kvm, vcpu, flags: createFlags() };
}

/** The frame that scenarios fight over, and its address. */
export const GFN = 1;
export const GPA = gpa(GFN * PAGE_SIZE);

/** Arguments of KVM_SET_USER_MEMORY_REGION: frames [base, base + npages) backed by host frames from `hostFrame` on. */
export function region(
  base: number,
  npages: number,
  more: { slot?: number; flags?: number; hostFrame?: number } = {},
): UserspaceMemoryRegion {
  return {
    slot: more.slot ?? 0,
    flags: more.flags ?? 0,
    guestPhysAddr: BigInt(base * PAGE_SIZE),
    memorySize: BigInt(npages * PAGE_SIZE),
    userspaceAddr: BigInt((more.hostFrame ?? base) * PAGE_SIZE),
  };
}

/** The same ioctl with no size: deletes the slot. */
export function deletion(slot = 0): UserspaceMemoryRegion {
  return { slot, flags: 0, guestPhysAddr: 0n, memorySize: 0n, userspaceAddr: 0n };
}
