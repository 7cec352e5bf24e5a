/** A port is given to another vCPU by closing it and assigning it again. */
import type { Task } from '@faultline/machine';
import type { Kvm } from '../src/virt/kvm.ts';
import { type EvtchnAttr, evtchnAssign, evtchnDeassign } from '../src/x86/xen-ports.ts';

/** @replaces packages/kvm/src/x86/xen-ports.ts#evtchnUpdate ac437143 */
export function* evtchnUpdate(kvm: Kvm, attr: EvtchnAttr): Task<number> {
  const result = yield* evtchnDeassign(kvm, attr.sendPort);
  return result !== 0 ? result : yield* evtchnAssign(kvm, { ...attr, flags: 0 });
}
