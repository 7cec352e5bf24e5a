/** An irqfd lets go of resampler_lock when it has found its resampler, and takes it again to join the list. */
import type { Task } from '@faultline/machine';
import type { Eventfd } from '../src/virt/eventfd.ts';
import type { KvmIrq } from '../src/virt/irq-state.ts';
import { findOrMake } from '../src/virt/irqfd-resampler.ts';
import { type KvmResamplers, ResampleIrqfd } from '../src/virt/irqfd-resampler-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd-resampler.ts#resamplerAssign 7aa6bcb9 */
export function* resamplerAssign(
  kvm: Kvm,
  rs: KvmResamplers,
  resamplefd: Eventfd,
  gsi: number,
): Task<ResampleIrqfd> {
  const irqfd = ResampleIrqfd.alloc();
  irqfd.gsi = gsi;
  irqfd.resamplefd = resamplefd;
  yield* rs.resamplerLock.lock();
  const resampler = yield* findOrMake(kvm, rs, gsi);
  yield* rs.resamplerLock.unlock();
  irqfd.resampler = resampler;
  yield* rs.resamplerLock.lock();
  yield* irqfd.resamplerLink.writeOnce(yield* resampler.list.readOnce());
  yield* resampler.list.assign(irqfd);
  yield* (kvm.irq as KvmIrq).irqSrcu.synchronize();
  yield* rs.resamplerLock.unlock();
  return irqfd;
}
