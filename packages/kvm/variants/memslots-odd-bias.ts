/**
 * The MMIO generation of 3.x kernels: the memslot generation plus a constant that brings the wrap near, and that
 * happens to be odd. It turns the parity around, and with it the trick of the low bit.
 */
const MMIO_MAX_GEN = 2 ** 20 - 1;
const BIAS = MMIO_MAX_GEN - 150;

/** @replaces packages/kvm/src/x86/mmio-spte.ts#truncateGeneration 198aca08 */
/** @kernel kvm_current_mmio_generation arch/x86/kvm/mmu.c */
export function truncateGeneration(generation: number, _layout: number): number {
  return (generation + BIAS) & MMIO_MAX_GEN;
}
