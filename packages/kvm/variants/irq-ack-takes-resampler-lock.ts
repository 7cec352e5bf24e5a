/** An acknowledgement takes resampler_lock to walk the list, inside the section of irq_srcu in which it is called. */
import type { Task } from '@faultline/machine';
import type { AckNotifier, KvmIrq } from '../src/virt/irq-state.ts';
import { lowerLine, signalAll } from '../src/virt/irqfd-resampler-ack.ts';
import { IrqfdResampler, type KvmResamplers } from '../src/virt/irqfd-resampler-state.ts';

/** @replaces packages/kvm/src/virt/irqfd-resampler-ack.ts#irqfdResamplerAck 254b9b3c */
export function* irqfdResamplerAck(_irq: KvmIrq, kian: AckNotifier): Task {
  const resampler = IrqfdResampler.at(kian.addr);
  const { resamplerLock } = resampler.resamplers as KvmResamplers;
  yield* lowerLine(resampler);
  yield* resamplerLock.lock();
  yield* signalAll(resampler);
  yield* resamplerLock.unlock();
}
