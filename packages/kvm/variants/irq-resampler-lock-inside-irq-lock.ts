/** An irqfd takes irq_lock first, for the notifier that it may register, and resampler_lock inside. */
import type { Task } from '@faultline/machine';
import type { Eventfd } from '../src/virt/eventfd.ts';
import type { KvmIrq } from '../src/virt/irq-state.ts';
import { allocResampler } from '../src/virt/irqfd-resampler.ts';
import { type KvmResamplers, ResampleIrqfd } from '../src/virt/irqfd-resampler-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd-resampler.ts#resamplerAssign 7aa6bcb9 */
export function* resamplerAssign(
  kvm: Kvm,
  rs: KvmResamplers,
  resamplefd: Eventfd,
  gsi: number,
): Task<ResampleIrqfd> {
  const irq = kvm.irq as KvmIrq;
  const irqfd = ResampleIrqfd.alloc();
  irqfd.gsi = gsi;
  irqfd.resamplefd = resamplefd;
  yield* irq.irqLock.lock();
  yield* rs.resamplerLock.lock();
  let resampler = rs.resamplerList;
  while (resampler !== null && resampler.notifier.gsi !== gsi) resampler = resampler.link;
  if (resampler === null) {
    resampler = allocResampler(rs, gsi);
    resampler.link = rs.resamplerList;
    rs.resamplerList = resampler;
    yield* resampler.notifier.link.writeOnce(yield* irq.ackNotifiers.readOnce());
    yield* irq.ackNotifiers.assign(resampler.notifier);
  }
  irqfd.resampler = resampler;
  yield* irqfd.resamplerLink.writeOnce(yield* resampler.list.readOnce());
  yield* resampler.list.assign(irqfd);
  yield* rs.resamplerLock.unlock();
  yield* irq.irqLock.unlock();
  yield* irq.irqSrcu.synchronize();
  return irqfd;
}
