/** An irqfd that goes takes the resampler of its line along, whoever else is on its list. */
import type { Task } from '@faultline/machine';
import type { KvmIrq } from '../src/virt/irq-state.ts';
import { endResampler, leaveList } from '../src/virt/irqfd-resampler.ts';
import type { IrqfdResampler, KvmResamplers, ResampleIrqfd } from '../src/virt/irqfd-resampler-state.ts';
import type { Kvm } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/irqfd-resampler.ts#resamplerShutdown 5567589d */
export function* resamplerShutdown(kvm: Kvm, rs: KvmResamplers, irqfd: ResampleIrqfd): Task {
  const resampler = irqfd.resampler as IrqfdResampler;
  yield* rs.resamplerLock.lock();
  yield* leaveList(resampler, irqfd);
  yield* (kvm.irq as KvmIrq).irqSrcu.synchronize();
  yield* endResampler(kvm, rs, resampler);
  yield* rs.resamplerLock.unlock();
}
