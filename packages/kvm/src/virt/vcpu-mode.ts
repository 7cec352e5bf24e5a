import type { Kvm } from './kvm.ts';

/** Where a vCPU is, for those who ask without a lock. @kernel OUTSIDE_GUEST_MODE include/linux/kvm_host.h */
export const VcpuMode = {
  OUTSIDE_GUEST: 0,
  IN_GUEST: 1,
  /** In the guest, or about to be, and somebody has sent an interrupt. */
  EXITING_GUEST: 2,
  /** Walks shadow page tables with interrupts off. */
  READING_SHADOW_PAGE_TABLES: 3,
} as const;

/** Whether vCPUs of this VM enter and leave their guest, instead of being in it always. */
export function hasEntry(kvm: Kvm): boolean {
  return kvm.config.vcpuEntry === 1 || kvm.config.remoteFlush === 1;
}
