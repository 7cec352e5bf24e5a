/** The number is the one that there was. */

/** @replaces packages/kvm/src/x86/hyperv-tsc.ts#nextSequence 6899d52e */
export function nextSequence(sequence: number): number {
  return sequence === 0 ? 1 : sequence;
}
