/** What a cache of one guest page is made of. The code: pfncache.ts (users), pfncache-invalidate.ts (the notifier). */
import {
  generationField,
  guardedBy,
  irqsOff,
  kernelName,
  type Mutex,
  mutex,
  ptr,
  type RwLock,
  rwlock,
  type SpinLock,
  type StructType,
  spinlock,
  struct,
  u32Field,
  u53As,
  type View,
} from '@faultline/machine';
import type { Gpa, Hva, Pfn } from '../types.ts';

/** Where KVM itself reads and writes a page of the guest, without a walk. @kernel struct gfn_to_pfn_cache include/linux/kvm_types.h */
export interface GfnToPfnCache extends View {
  /** Guards everything below but `next`. Readers may be anywhere, even in an interrupt. */
  readonly lock: RwLock;
  /** One refresh at a time: it drops `lock` while it asks the host. Sleeps. */
  readonly refreshLock: Mutex;
  gpa: Gpa;
  /** Generation of the memslots that gave `uhva`. */
  generation: number;
  uhva: Hva;
  /** The frame, while `valid`: without a reference, because the notifier clears `valid` before the host takes it. */
  pfn: Pfn;
  valid: number;
  active: number;
  next: GfnToPfnCache | null;
}

/** No address. @kernel KVM_HVA_ERR_BAD include/linux/kvm_host.h */
export const KVM_HVA_ERR_BAD = (2 ** 52) as Hva;

const LOCK = 'gpc->lock';

export const GfnToPfnCache: StructType<GfnToPfnCache> = struct(
  'gfn_to_pfn_cache',
  {
    lock: irqsOff(rwlock),
    refreshLock: mutex,
    gpa: guardedBy(u53As<Gpa>(), LOCK),
    generation: guardedBy(generationField, LOCK),
    uhva: guardedBy(u53As<Hva>(), LOCK),
    pfn: guardedBy(u53As<Pfn>(), LOCK),
    valid: guardedBy(u32Field, LOCK),
    active: guardedBy(u32Field, LOCK),
    next: guardedBy(
      ptr((): StructType<GfnToPfnCache> => GfnToPfnCache),
      'kvm->gpc_lock',
    ),
  },
  { as: 'gpc' },
);

/** Every active cache of a VM: what a notifier looks through. Part of struct kvm in the kernel. */
export interface PfnCaches extends View {
  readonly gpcLock: SpinLock;
  gpcList: GfnToPfnCache | null;
}

export const PfnCaches: StructType<PfnCaches> = struct(
  'kvm_gpc_list',
  {
    gpcLock: spinlock,
    gpcList: guardedBy(
      kernelName(
        'gpc_list',
        ptr((): StructType<GfnToPfnCache> => GfnToPfnCache),
      ),
      'kvm->gpc_lock',
    ),
  },
  { as: 'kvm' },
);
