/**
 * @area locks
 *
 * KVM_CREATE_IRQCHIP, and the test for it: who sees the mode sees the routing table.
 */
import { smpRmb, smpWmb, type Task } from '@faultline/machine';
import { EEXIST, ENXIO } from '../errno.ts';
import { ioBusRegisterDev } from './io-bus-register.ts';
import { KvmBus } from './io-bus-state.ts';
import { allocRegisterDevice } from './io-device-state.ts';
import { kvmSetIrq, setIrqRouting } from './irq-routing.ts';
import { type KvmIrq, RouteType } from './irq-state.ts';
import type { Kvm } from './kvm.ts';

/** @kernel enum kvm_irqchip_mode arch/x86/include/asm/kvm_host.h */
export const IrqchipMode = { NONE: 0, KERNEL: 1 } as const;

/** 0 or a negative errno. @kernel kvm_arch_vm_ioctl arch/x86/kvm/x86.c */
export function* createIrqchip(kvm: Kvm): Task<number> {
  const irq = kvm.irq as KvmIrq;
  make_irqchip_alone: yield* kvm.lock.lock();
  const exists = (yield* irq.irqchipMode.readOnce()) !== IrqchipMode.NONE;
  if (!exists) yield* buildIrqchip(kvm);
  make_irqchip_alone: yield* kvm.lock.unlock();
  return exists ? -EEXIST : 0;
}

/** Under kvm->lock. */
export function* buildIrqchip(kvm: Kvm): Task {
  const irq = kvm.irq as KvmIrq;
  yield* registerIoapic(kvm);
  yield* setIrqRouting(kvm, DEFAULT_ROUTING);
  // Pairs with the read barrier of whoever tests the mode.
  yield* smpWmb();
  yield* irq.irqchipMode.writeOnce(IrqchipMode.KERNEL);
}

export const DEFAULT_ROUTING = [{ gsi: 0, type: RouteType.MSI, address: 0, data: 1 }] as const;

const IOAPIC_BASE = 0xfec0_0000;

/** @kernel kvm_ioapic_init arch/x86/kvm/ioapic.c */
export function* registerIoapic(kvm: Kvm): Task {
  yield* kvm.slotsLock.lock();
  yield* ioBusRegisterDev(kvm, KvmBus.MMIO, IOAPIC_BASE, 0x100, allocRegisterDevice().dev);
  yield* kvm.slotsLock.unlock();
}

/** @kernel irqchip_in_kernel arch/x86/kvm/irq.h */
export function* irqchipInKernel(irq: KvmIrq): Task<boolean> {
  const mode = yield* irq.irqchipMode.readOnce();
  // Pairs with the write barrier before the mode.
  yield* smpRmb();
  return mode !== IrqchipMode.NONE;
}

/** KVM_IRQ_LINE: -ENXIO without an irqchip. @kernel kvm_vm_ioctl_irq_line arch/x86/kvm/x86.c */
export function* irqLine(kvm: Kvm, gsi: number): Task<number> {
  if (!(yield* irqchipInKernel(kvm.irq as KvmIrq))) return -ENXIO;
  return yield* kvmSetIrq(kvm, gsi);
}
