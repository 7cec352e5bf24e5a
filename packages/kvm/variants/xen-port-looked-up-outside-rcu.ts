/** A guest's send walks the table of ports inside kvm->srcu only. The code before 70eae03087a3. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { idrFind } from '../src/x86/xen-idr.ts';
import type { Evtchnfd } from '../src/x86/xen-state.ts';

/** @replaces packages/kvm/src/x86/xen-hypercall.ts#lookUpPort 7a0b498f */
export function* lookUpPort(kvm: Kvm, port: number): Task<Evtchnfd | null> {
  return yield* idrFind(kvm, port);
}
