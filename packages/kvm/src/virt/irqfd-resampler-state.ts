/** What level-triggered irqfds have besides: whom to tell that the guest has acknowledged, so that the device looks again. */
import {
  type Cell,
  cell32,
  embed,
  guardedBy,
  kernelName,
  type Mutex,
  mutex,
  ptr,
  ptrCell,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';
import { Eventfd } from './eventfd.ts';
import { AckNotifier } from './irq-state.ts';

/** The part of an irqfd with KVM_IRQFD_FLAG_RESAMPLE. @kernel struct kvm_kernel_irqfd include/linux/kvm_irqfd.h */
export interface ResampleIrqfd extends View {
  gsi: number;
  /** Signalled when the guest acknowledges the line. */
  resamplefd: Eventfd | null;
  resampler: IrqfdResampler | null;
  /** Next on the resampler's list: written under resampler_lock, read inside irq_srcu. */
  readonly resamplerLink: Cell<ResampleIrqfd | null>;
}

/** All such irqfds of one line. @kernel struct kvm_kernel_irqfd_resampler include/linux/kvm_irqfd.h */
export interface IrqfdResampler extends View {
  /** First, so that its address is the resampler's. */
  readonly notifier: AckNotifier;
  /** The VM's. */
  resamplers: KvmResamplers | null;
  readonly list: Cell<ResampleIrqfd | null>;
  /** The line as they drive it, all together. Part of the I/O APIC's state in the kernel. */
  readonly line: Cell<number>;
  link: IrqfdResampler | null;
}

/** Part of struct kvm; see irqfd-resampler.ts. */
export interface KvmResamplers extends View {
  readonly resamplerLock: Mutex;
  resamplerList: IrqfdResampler | null;
}

const LOCK = 'kvm->irqfds.resampler_lock';

export const ResampleIrqfd: StructType<ResampleIrqfd> = struct(
  'kvm_resample_irqfd',
  {
    gsi: u32Field,
    resamplefd: ptr((): StructType<Eventfd> => Eventfd),
    resampler: ptr((): StructType<IrqfdResampler> => IrqfdResampler),
    resamplerLink: ptrCell((): StructType<ResampleIrqfd> => ResampleIrqfd),
  },
  { as: 'irqfd' },
);

export const IrqfdResampler: StructType<IrqfdResampler> = struct(
  'kvm_kernel_irqfd_resampler',
  {
    notifier: embed(AckNotifier),
    resamplers: kernelName(
      'kvm',
      ptr((): StructType<KvmResamplers> => KvmResamplers),
    ),
    list: ptrCell((): StructType<ResampleIrqfd> => ResampleIrqfd),
    line: cell32,
    link: guardedBy(
      ptr((): StructType<IrqfdResampler> => IrqfdResampler),
      LOCK,
      'init',
    ),
  },
  { as: 'resampler' },
);

export const KvmResamplers: StructType<KvmResamplers> = struct(
  'kvm_irqfd_resamplers',
  {
    resamplerLock: kernelName('irqfds.resampler_lock', mutex),
    resamplerList: guardedBy(
      kernelName(
        'irqfds.resampler_list',
        ptr((): StructType<IrqfdResampler> => IrqfdResampler),
      ),
      LOCK,
    ),
  },
  { as: 'kvm' },
);
