/**
 * KVM_ENABLE_CAP of a VM: behaviour that user space asks for.
 */
import type { Task } from '@faultline/machine';
import { EINVAL } from '../errno.ts';
import { Cap, KVM_DIRTY_LOG_INITIALLY_SET, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE } from './capabilities.ts';
import { enableDirtyLogRing } from './dirty-ring-ioctl.ts';
import { KVM_MAX_VCPU_IDS, type Kvm } from './kvm.ts';

/** @kernel struct kvm_enable_cap include/uapi/linux/kvm.h */
export interface EnableCap {
  readonly cap: number;
  readonly flags: number;
  /** The first of four; none that the model has takes more. */
  readonly arg: bigint;
}

/** Returns 0 or a negative errno. @kernel kvm_vm_ioctl_enable_cap_generic virt/kvm/kvm_main.c */
export function* enableCap(kvm: Kvm, { cap, flags, arg }: EnableCap): Task<number> {
  switch (cap) {
    case Cap.MANUAL_DIRTY_LOG_PROTECT2:
      return flags === 0 ? enableManualProtect(kvm, arg) : -EINVAL;
    case Cap.DIRTY_LOG_RING:
    case Cap.DIRTY_LOG_RING_ACQ_REL:
      // The size is a u32 in the kernel, and flags are not looked at.
      return yield* enableDirtyLogRing(kvm, Number(BigInt.asUintN(32, arg)));
    case Cap.MAX_VCPU_ID:
      return flags === 0 ? yield* limitVcpuIds(kvm, arg) : -EINVAL;
    default:
      return -EINVAL;
  }
}

/** From the next harvest, and the next bitmap, on. */
function enableManualProtect(kvm: Kvm, arg: bigint): number {
  const enable = BigInt(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
  const initiallySet = BigInt(KVM_DIRTY_LOG_INITIALLY_SET);
  const allowed = (arg & enable) === 0n ? enable : enable | initiallySet;
  if ((arg & ~allowed) !== 0n) return -EINVAL;
  kvm.config.dirtyLogManualProtect = (arg & enable) === 0n ? 0 : 1;
  kvm.config.dirtyLogInitiallySet = (arg & initiallySet) === 0n ? 0 : 1;
  return 0;
}

/** Ids are below `arg` from now on. Once, and before the first vCPU. @kernel kvm_vm_ioctl_enable_cap arch/x86/kvm/x86.c */
function* limitVcpuIds(kvm: Kvm, arg: bigint): Task<number> {
  if (arg > BigInt(KVM_MAX_VCPU_IDS)) return -EINVAL;
  yield* kvm.lock.lock();
  const now = kvm.maxVcpuIds;
  if (now === 0) kvm.maxVcpuIds = Number(arg);
  yield* kvm.lock.unlock();
  return now === 0 || now === Number(arg) ? 0 : -EINVAL;
}
