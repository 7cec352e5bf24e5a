/**
 * @area locks
 *
 * Irqfds of level-triggered lines come and go. The first of a line makes its resampler, which is an ack notifier, and the
 * last one takes it along. resampler_lock is held all the while, over irq_lock and over grace periods of irq_srcu; so an
 * acknowledgement, which is inside irq_srcu, does not take it.
 */
import type { Task } from '@faultline/machine';
import type { Eventfd } from './eventfd.ts';
import { AckAction, registerAckNotifier, unregisterAckNotifier } from './irq-ack.ts';
import type { KvmIrq } from './irq-state.ts';
import { IrqfdResampler, type KvmResamplers, ResampleIrqfd } from './irqfd-resampler-state.ts';
import type { Kvm } from './kvm.ts';

/** The part of KVM_IRQFD with KVM_IRQFD_FLAG_RESAMPLE. @kernel kvm_irqfd_assign virt/kvm/eventfd.c */
export function* resamplerAssign(
  kvm: Kvm,
  rs: KvmResamplers,
  resamplefd: Eventfd,
  gsi: number,
): Task<ResampleIrqfd> {
  const irqfd = ResampleIrqfd.alloc();
  irqfd.gsi = gsi;
  irqfd.resamplefd = resamplefd;
  // From the look at the list until the irqfd is on it nobody ends the resampler.
  serialize_resamplers: yield* rs.resamplerLock.lock();
  const resampler = yield* findOrMake(kvm, rs, gsi);
  irqfd.resampler = resampler;
  yield* irqfd.resamplerLink.writeOnce(yield* resampler.list.readOnce());
  yield* resampler.list.assign(irqfd);
  // An acknowledgement that has not seen it is over: the next one tells it.
  yield* (kvm.irq as KvmIrq).irqSrcu.synchronize();
  serialize_resamplers: yield* rs.resamplerLock.unlock();
  return irqfd;
}

/** Under resampler_lock. */
export function* findOrMake(kvm: Kvm, rs: KvmResamplers, gsi: number): Task<IrqfdResampler> {
  for (let r = rs.resamplerList; r !== null; r = r.link) if (r.notifier.gsi === gsi) return r;
  const resampler = allocResampler(rs, gsi);
  resampler.link = rs.resamplerList;
  rs.resamplerList = resampler;
  yield* registerAckNotifier(kvm, resampler.notifier);
  return resampler;
}

export function allocResampler(rs: KvmResamplers, gsi: number): IrqfdResampler {
  const resampler = IrqfdResampler.alloc();
  resampler.resamplers = rs;
  resampler.notifier.gsi = gsi;
  resampler.notifier.action = AckAction.RESAMPLE;
  return resampler;
}

/** The irqfd goes: when it returns nobody signals its eventfd, and it may be freed. @kernel irqfd_resampler_shutdown virt/kvm/eventfd.c */
export function* resamplerShutdown(kvm: Kvm, rs: KvmResamplers, irqfd: ResampleIrqfd): Task {
  const resampler = irqfd.resampler as IrqfdResampler;
  serialize_resamplers: yield* rs.resamplerLock.lock();
  yield* leaveList(resampler, irqfd);
  // An acknowledgement may be standing on it.
  resampler_waits_for_acks: yield* (kvm.irq as KvmIrq).irqSrcu.synchronize();
  if ((yield* resampler.list.readOnce()) === null) yield* endResampler(kvm, rs, resampler);
  serialize_resamplers: yield* rs.resamplerLock.unlock();
}

export function* leaveList(resampler: IrqfdResampler, irqfd: ResampleIrqfd): Task {
  let cell = resampler.list;
  for (let at = yield* cell.readOnce(); at !== null && at !== irqfd; at = yield* cell.readOnce())
    cell = at.resamplerLink;
  yield* cell.assign(yield* irqfd.resamplerLink.readOnce());
}

/** Under resampler_lock. */
export function* endResampler(kvm: Kvm, rs: KvmResamplers, resampler: IrqfdResampler): Task {
  if (rs.resamplerList === resampler) rs.resamplerList = resampler.link;
  for (let r = rs.resamplerList; r !== null; r = r.link) if (r.link === resampler) r.link = resampler.link;
  yield* unregisterAckNotifier(kvm, resampler.notifier);
  IrqfdResampler.free(resampler);
}

/** The eventfd of the irqfd has an event: the line rises, and stays up until it is acknowledged. Returns whether it was down. @kernel irqfd_inject virt/kvm/eventfd.c */
export function* resampleInject(irqfd: ResampleIrqfd): Task<boolean> {
  return (yield* (irqfd.resampler as IrqfdResampler).line.xchg(1)) === 0;
}
