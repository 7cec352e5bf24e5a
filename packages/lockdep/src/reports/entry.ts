import type { CallFrame } from '../graph/graph.ts';

/** `RSI` and `ORIG_RAX` of a user-space register dump, when the trace ends in one. */
export interface UserRegisters {
  readonly syscall: number;
  readonly request: number;
}

/**
 * Numbers of the KVM ioctls (type 0xAE).
 * Source: include/uapi/linux/kvm.h.
 */
const KVM_IOCTLS: Readonly<Record<number, string>> = {
  1: 'KVM_CREATE_VM',
  65: 'KVM_CREATE_VCPU',
  66: 'KVM_GET_DIRTY_LOG',
  70: 'KVM_SET_USER_MEMORY_REGION',
  73: 'KVM_SET_USER_MEMORY_REGION2',
  96: 'KVM_CREATE_IRQCHIP',
  106: 'KVM_SET_GSI_ROUTING',
  118: 'KVM_IRQFD',
  119: 'KVM_CREATE_PIT2',
  121: 'KVM_IOEVENTFD',
  128: 'KVM_RUN',
  137: 'KVM_SET_MSRS',
  143: 'KVM_SET_LAPIC',
  163: 'KVM_ENABLE_CAP',
  186: 'KVM_MEMORY_ENCRYPT_OP',
  192: 'KVM_CLEAR_DIRTY_LOG',
  198: 'KVM_X86_SET_MSR_FILTER',
  200: 'KVM_XEN_HVM_GET_ATTR',
  201: 'KVM_XEN_HVM_SET_ATTR',
  202: 'KVM_XEN_VCPU_GET_ATTR',
  203: 'KVM_XEN_VCPU_SET_ATTR',
  208: 'KVM_XEN_HVM_EVTCHN_SEND',
  224: 'KVM_CREATE_DEVICE',
  225: 'KVM_SET_DEVICE_ATTR',
};

/** What user space did to get there, by a function that only that request reaches. */
const BY_FUNCTION: readonly [RegExp, string][] = [
  [/^kvm_xen_vcpu_set_attr/, 'KVM_XEN_VCPU_SET_ATTR'],
  [/^kvm_xen_vcpu_get_attr/, 'KVM_XEN_VCPU_GET_ATTR'],
  [/^kvm_xen_hvm_set_attr/, 'KVM_XEN_HVM_SET_ATTR'],
  [/^kvm_vm_ioctl_set_msr_filter/, 'KVM_X86_SET_MSR_FILTER'],
  [/^kvm_vm_ioctl_set_memory_region/, 'KVM_SET_USER_MEMORY_REGION'],
  [/^kvm_vm_ioctl_get_dirty_log/, 'KVM_GET_DIRTY_LOG'],
  [/^kvm_vm_ioctl_create_vcpu/, 'KVM_CREATE_VCPU'],
  [/^kvm_(?:set_irq_routing|vm_ioctl_set_gsi)/, 'KVM_SET_GSI_ROUTING'],
  [/^kvm_irqfd/, 'KVM_IRQFD'],
  [/^kvm_vm_ioctl_irqfd|^kvm_vm_ioctl_deassign/, 'KVM_IRQFD'],
  [/^svm_vm_copy_asid_from|^sev_vm_copy/, 'KVM_CAP_VM_COPY_ENC_CONTEXT_FROM'],
  [/^sev_vm_move_enc/, 'KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM'],
  [/^kvm_device_ioctl/, 'a device attribute ioctl (KVM_SET_DEVICE_ATTR)'],
  [/^kvm_arch_vcpu_ioctl_run/, 'KVM_RUN'],
  [/^(?:vmx|svm)_set_msr|^kvm_set_msr_common/, 'KVM_SET_MSRS or a WRMSR'],
  [/^set_nx_huge_pages/, 'a write to the nx_huge_pages module parameter'],
  [/^kvm_dev_ioctl/, 'KVM_CREATE_VM'],
  [/^kvm_vcpu_ioctl/, 'a vCPU ioctl'],
  [/^kvm_vm_ioctl/, 'a VM ioctl'],
];

/** Names the request a call path serves; null when it is not one of KVM's. */
export function entryPoint(path: readonly CallFrame[]): string | null {
  for (const [pattern, name] of BY_FUNCTION) {
    if (path.some((f) => !f.unsure && pattern.test(f.fn))) return name;
  }
  return null;
}

/** Names an ioctl by its request number; null when it is not KVM's or not known here. */
export function ioctlName(regs: UserRegisters): string | null {
  if (regs.syscall !== 16 || ((regs.request >>> 8) & 0xff) !== 0xae) return null;
  return KVM_IOCTLS[regs.request & 0xff] ?? null;
}
