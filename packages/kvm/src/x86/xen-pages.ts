/**
 * The two kinds of pages that a Xen guest shares with KVM, in a frame of 64 bits. shared_info: a bit a port that says
 * pending, a bit a port that says masked. vcpu_info: a bit for each word of pending bits, and "upcall pending". A VM of
 * the hardware has N words of N bits with N 64 in long mode, 32 outside; here N is 4 and 2.
 */
import type { Page } from '../host/mm.ts';
import type { Kvm } from '../virt/kvm.ts';
import { type KvmXen, MAX_PORTS } from './xen-state.ts';

/** Ports of a word, and words. */
export function bitsPerWord(kvm: Kvm): number {
  return (kvm.xen as KvmXen).longMode === 1 ? 4 : 2;
}

/** First port that there is not. @kernel max_evtchn_port arch/x86/kvm/xen.c */
export function maxEvtchnPort(kvm: Kvm): number {
  return bitsPerWord(kvm) ** 2;
}

/** Bits of shared_info. */
export const pendingBit = (port: number): bigint => 1n << BigInt(port);
export const maskBit = (port: number): bigint => 1n << BigInt(MAX_PORTS + port);
/** Bits of vcpu_info. */
export const selBit = (word: number): bigint => 1n << BigInt(word);
export const UPCALL_PENDING = 1n << 32n;
export const SEL_MASK = UPCALL_PENDING - 1n;

/** Whether a guest that looks at its pages now finds the port: pending, and the way that leads there. */
export function guestFinds(kvm: Kvm, sharedInfo: Page, vcpuInfo: Page, port: number): boolean {
  const shared = sharedInfo.content.peek();
  const info = vcpuInfo.content.peek();
  const word = Math.floor(port / bitsPerWord(kvm));
  return (shared & pendingBit(port)) !== 0n && (info & selBit(word)) !== 0n && (info & UPCALL_PENDING) !== 0n;
}
