/**
 * @area hyperv
 *
 * Hyper-V's reference TSC page: scale and offset in guest memory, which the guest computes time from by itself. Its
 * sequence number says whether they belong together; 0 means that the guest has to ask by MSR. Writers exclude each other
 * by hv_lock; readers are the guest.
 */
import {
  array,
  bugOn,
  type Cell,
  cell32,
  choose,
  type Elements,
  type Mutex,
  mutex,
  ptr,
  type StructType,
  smpRmb,
  smpWmb,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm } from '../virt/create-vm.ts';
import { Vcpu } from '../virt/kvm.ts';

/** @kernel enum hv_tsc_page_status arch/x86/include/asm/kvm_host.h */
export const TscPage = { UNSET: 0, GUEST_CHANGED: 1, HOST_CHANGED: 2, SET: 3, BROKEN: 4 } as const;

/** The page, in guest memory. @kernel struct ms_hyperv_tsc_page arch/x86/include/asm/hyperv-tlfs.h */
export interface TscRefPage extends View {
  readonly tscSequence: Cell<number>;
  readonly tscScale: Cell<number>;
  readonly tscOffset: Cell<number>;
}

const TscRefPage: StructType<TscRefPage> = struct(
  'ms_hyperv_tsc_page',
  { tscSequence: cell32, tscScale: cell32, tscOffset: cell32 },
  { as: 'tsc_ref' },
);

/** @kernel struct kvm_hv arch/x86/include/asm/kvm_host.h */
export interface KvmHv extends View {
  /** Inside vcpu->mutex. */
  readonly hvLock: Mutex;
  /** Under hv_lock. */
  readonly status: Cell<number>;
  /** The guest asked for its counter to be emulated after a migration: what it computes from stays. */
  tscEmulation: number;
  /** Writes to guest memory may fail: each is a choice. */
  writesMayFail: number;
  /** Times that the master clock changed. Scale and offset of a version are that number and its tenfold. */
  readonly masterclock: Cell<number>;
  page: TscRefPage | null;
  readonly vcpus: Elements<Vcpu | null>;
}

export const KvmHv: StructType<KvmHv> = struct(
  'kvm_hv',
  {
    hvLock: mutex,
    status: cell32,
    tscEmulation: u32Field,
    writesMayFail: u32Field,
    masterclock: cell32,
    page: ptr((): StructType<TscRefPage> => TscRefPage),
    vcpus: array(
      ptr((): StructType<Vcpu> => Vcpu),
      2,
    ),
  },
  { as: 'hv' },
);

/** Writes the page, if it has to be written. @kernel kvm_hv_setup_tsc_page arch/x86/kvm/hyperv.c */
export function* setupTscPage(hv: KvmHv): Task {
  lock_page_for_setup: yield* hv.hvLock.lock();
  const status = yield* hv.status.readOnce();
  const due = status === TscPage.GUEST_CHANGED || status === TscPage.HOST_CHANGED;
  if (due) yield* hv.status.writeOnce(yield* writePage(hv, status));
  unlock_page_after_setup: yield* hv.hvLock.unlock();
}

/** Returns the status of the page then. */
export function* writePage(hv: KvmHv, status: number): Task<number> {
  const page = hv.page as TscRefPage;
  const sequence = yield* page.tscSequence.readOnce();
  keep_for_emulation: if (sequence !== 0 && hv.tscEmulation === 1 && status !== TscPage.GUEST_CHANGED) {
    return TscPage.SET;
  }
  // The guest asks by MSR until there is a new number.
  invalidate_page_first: yield* page.tscSequence.writeOnce(0);
  const version = yield* hv.masterclock.readOnce();
  order_zero_before_body: yield* smpWmb();
  if (yield* writeFails(hv)) return TscPage.BROKEN;
  yield* page.tscScale.writeOnce(version);
  yield* page.tscOffset.writeOnce(10 * version);
  order_body_before_sequence: yield* smpWmb();
  yield* page.tscSequence.writeOnce(nextSequence(sequence));
  return TscPage.SET;
}

/** 0 and all ones have a meaning of their own. */
export function nextSequence(sequence: number): number {
  const next = (sequence + 1) >>> 0;
  return next === 0 || next === 0xffff_ffff ? 1 : next;
}

export function* writeFails(hv: KvmHv): Task<boolean> {
  return hv.writesMayFail === 1 && (yield* choose('write to guest memory fails', 2)) === 1;
}

/** The page will have to be written again. @kernel kvm_hv_request_tsc_page_update arch/x86/kvm/hyperv.c */
export function* requestTscPageUpdate(hv: KvmHv): Task {
  lock_page_for_request: yield* hv.hvLock.lock();
  const status = yield* hv.status.readOnce();
  if (status === TscPage.SET && mayChange(hv)) {
    ask_for_new_page: yield* hv.status.writeOnce(TscPage.HOST_CHANGED);
  }
  unlock_page_after_request: yield* hv.hvLock.unlock();
}

/** A guest whose counter is emulated goes on with what it was given. @kernel tsc_page_update_unsafe arch/x86/kvm/hyperv.c */
export function mayChange(hv: KvmHv): boolean {
  return hv.tscEmulation === 0;
}

/** The master clock changes. 6.1 says so to the page first, then takes the new snapshot. @kernel kvm_update_masterclock arch/x86/kvm/x86.c */
export function* masterclockChanges(hv: KvmHv, pageFirst: boolean): Task {
  if (pageFirst) yield* requestTscPageUpdate(hv);
  yield* hv.masterclock.fetchAdd(1);
  if (!pageFirst) yield* requestTscPageUpdate(hv);
}

/** KVM_RUN of a vCPU that was told that its clock has changed. */
export function* runWithClockUpdate(hv: KvmHv, vcpu: Vcpu): Task {
  yield* vcpu.mutex.lock();
  yield* setupTscPage(hv);
  yield* vcpu.mutex.unlock();
}

/** What the guest computes time from: scale and offset, or null if it has to ask by MSR. Hypervisor Top-Level Functional Specification, 12.7.3. */
export function* guestReadsTscPage(hv: KvmHv): Task<readonly [scale: number, offset: number] | null> {
  const page = hv.page as TscRefPage;
  for (;;) {
    const sequence = yield* page.tscSequence.readOnce();
    if (sequence === 0) return null;
    yield* smpRmb();
    const scale = yield* page.tscScale.readOnce();
    const offset = yield* page.tscOffset.readOnce();
    yield* smpRmb();
    if ((yield* page.tscSequence.readOnce()) === sequence) return [scale, offset];
  }
}

export interface HypervOptions {
  readonly tscEmulation?: boolean;
  readonly writesMayFail?: boolean;
}

/** For set-up: two vCPUs, and a guest that has enabled the page; it shows version 1. */
export function* createHypervVm(options: HypervOptions = {}): Task<KvmHv> {
  const hv = KvmHv.alloc();
  const kvm = yield* createVm();
  for (let id = 0; id < 2; id++) {
    const vcpu = yield* createVcpu(kvm, id);
    bugOn(typeof vcpu === 'number', 'KVM_CREATE_VCPU failed');
    if (typeof vcpu !== 'number') hv.vcpus.set(id, vcpu);
  }
  hv.page = TscRefPage.alloc();
  hv.masterclock.poke(1);
  hv.status.poke(TscPage.GUEST_CHANGED);
  yield* setupTscPage(hv);
  hv.tscEmulation = options.tscEmulation === true ? 1 : 0;
  hv.writesMayFail = options.writesMayFail === true ? 1 : 0;
  return hv;
}

/** The page as it stands, for oracles: version and number. */
export function tscPageNow(hv: KvmHv): { readonly version: number; readonly sequence: number } {
  const page = hv.page as TscRefPage;
  return { version: page.tscScale.peek(), sequence: page.tscSequence.peek() };
}
