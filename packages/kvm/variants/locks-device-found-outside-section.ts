/** A port access of the guest finds its device without opening a section. */
import type { Task } from '@faultline/machine';
import type { Decoded } from '../src/hw/guest-program.ts';
import { exitIo, IoDirection } from '../src/virt/exit.ts';
import { ioBusWrite } from '../src/virt/io-bus.ts';
import { KvmBus } from '../src/virt/io-bus-state.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/vcpu-run.ts#portAccess 0b0a19f5 */
export function* portAccess(vcpu: Vcpu, { address, size, value }: Decoded): Task<boolean> {
  const result = yield* ioBusWrite(vcpu.kvm as Kvm, KvmBus.PIO, address, size, value);
  if (result !== 0) {
    exitIo(vcpu.run, IoDirection.OUT, size, address, value);
    return true;
  }
  vcpu.rip++;
  return false;
}
