/** Any page may change. */
import type { KvmHv } from '../src/x86/hyperv-tsc.ts';

/** @replaces packages/kvm/src/x86/hyperv-tsc.ts#mayChange faf401cf */
export function mayChange(_hv: KvmHv): boolean {
  return true;
}
