/** An acknowledgement tells the device to look again, and lowers the line then. */
import type { Task } from '@faultline/machine';
import type { AckNotifier, KvmIrq } from '../src/virt/irq-state.ts';
import { lowerLine, signalAll } from '../src/virt/irqfd-resampler-ack.ts';
import { IrqfdResampler } from '../src/virt/irqfd-resampler-state.ts';

/** @replaces packages/kvm/src/virt/irqfd-resampler-ack.ts#irqfdResamplerAck 254b9b3c */
export function* irqfdResamplerAck(irq: KvmIrq, kian: AckNotifier): Task {
  const resampler = IrqfdResampler.at(kian.addr);
  const idx = yield* irq.irqSrcu.readLock();
  yield* signalAll(resampler);
  yield* irq.irqSrcu.readUnlock(idx);
  yield* lowerLine(resampler);
}
