/**
 * KVM_SET_TSS_ADDR and KVM_SET_IDENTITY_MAP_ADDR: where hardware that cannot run real mode keeps what it pretends with.
 * The model's hardware can, so only the arguments are looked at.
 */
import type { Task } from '@faultline/machine';
import { EINVAL } from '../errno.ts';
import type { Kvm } from '../virt/kvm.ts';

/** Three pages below 4 GiB. */
const HIGHEST = 0x1_0000_0000n - 3n * 4096n;

/** Returns 0 or a negative errno. @kernel kvm_vm_ioctl_set_tss_addr arch/x86/kvm/x86.c */
export function setTssAddr(addr: bigint): number {
  return addr > HIGHEST ? -EINVAL : 0;
}

/** Before the first vCPU. Returns 0 or a negative errno. @kernel kvm_vm_ioctl_set_identity_map_addr arch/x86/kvm/x86.c */
export function* setIdentityMapAddr(kvm: Kvm): Task<number> {
  yield* kvm.lock.lock();
  const refused = kvm.createdVcpus !== 0;
  yield* kvm.lock.unlock();
  return refused ? -EINVAL : 0;
}
