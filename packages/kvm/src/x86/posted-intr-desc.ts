/**
 * @area pi
 *
 * The posted-interrupt descriptor. A post sets the bit of its vector, and the first one since the descriptor was last
 * looked at also sets ON and sends the vector NV to the CPU NDST. With SN nobody is notified, and ON stays as it is.
 * Hardware and software write the control word at the same time: every change is a compare-and-exchange or one bit.
 */
import type { Cell, Task } from '@faultline/machine';
import { Vector } from '../hw/host-cpu.ts';
import type { PiDesc } from './posted-intr-state.ts';

/** Bits of the control word. @kernel POSTED_INTR_ON arch/x86/kvm/vmx/posted_intr.h */
export const PI_ON = 1n << 0n;
export const PI_SN = 1n << 1n;
const NV_SHIFT = 16n;
const NV_MASK = 0xffn << NV_SHIFT;
const NDST_SHIFT = 32n;
const NDST_MASK = 0xffff_ffffn << NDST_SHIFT;

/** @kernel POSTED_INTR_VECTOR arch/x86/include/asm/irq_vectors.h */
export const POSTED_INTR_VECTOR = 0xf2n;
/** @kernel POSTED_INTR_WAKEUP_VECTOR arch/x86/include/asm/irq_vectors.h */
export const POSTED_INTR_WAKEUP_VECTOR = 0xf1n;

/** The vector that a notification is sent with. */
export function nvOf(control: bigint): bigint {
  return (control & NV_MASK) >> NV_SHIFT;
}

export function withNv(control: bigint, nv: bigint): bigint {
  return (control & ~NV_MASK) | (nv << NV_SHIFT);
}

/** The id of the CPU that is notified. In xAPIC mode it stands in bits 8 to 15 of the field. */
export function ndstOf(control: bigint): number {
  return Number((control >> (NDST_SHIFT + 8n)) & 0xffn);
}

export function withNdst(control: bigint, cpu: number): bigint {
  return (control & ~NDST_MASK) | ((BigInt(cpu) << 8n) << NDST_SHIFT);
}

/** The bit of a notification vector among those that CPUs of the model take. */
export function lineOf(nv: bigint): number {
  return nv === POSTED_INTR_WAKEUP_VECTOR ? Vector.POSTED_INTR_WAKEUP : Vector.POSTED_INTR;
}

/** The word of the request bits that holds a vector, and the vector's bit there. Throws a RangeError beyond what the model looks at. */
export function pirWord(desc: PiDesc, vector: number): Cell<bigint> {
  if (vector >= 64 * desc.words)
    throw new RangeError(`vector ${vector}: the model has those below ${64 * desc.words}`);
  return desc.pir.at(vector >>> 6);
}

export function pirBit(vector: number): bigint {
  return 1n << BigInt(vector & 63);
}

/** @kernel pi_is_pir_empty arch/x86/kvm/vmx/posted_intr.h */
export function* pirEmpty(desc: PiDesc): Task<boolean> {
  for (let i = 0; i < desc.words; i++) {
    if ((yield* desc.pir.at(i).readOnce()) !== 0n) return false;
  }
  return true;
}

/** Takes the requests, one word after the other; a word that is empty is left alone. @kernel __kvm_apic_update_irr arch/x86/kvm/lapic.c */
export function* takePir(desc: PiDesc): Task<bigint> {
  let vectors = 0n;
  for (let i = 0; i < desc.words; i++) {
    const word = desc.pir.at(i);
    if ((yield* word.readOnce()) === 0n) continue;
    vectors |= (yield* word.xchg(0n)) << BigInt(64 * i);
  }
  return vectors;
}
