/** An update of a port drops the lock between looking the record up and using it, as 6.1 does. */
import type { Task } from '@faultline/machine';
import { ENOENT } from '../src/errno.ts';
import type { Kvm } from '../src/virt/kvm.ts';
import { idrFind } from '../src/x86/xen-idr.ts';
import { lockXen, unlockXen } from '../src/x86/xen-lock.ts';
import { type EvtchnAttr, updateRecord } from '../src/x86/xen-ports.ts';

/** @replaces packages/kvm/src/x86/xen-ports.ts#evtchnUpdate ac437143 */
export function* evtchnUpdate(kvm: Kvm, attr: EvtchnAttr): Task<number> {
  yield* lockXen(kvm);
  const record = yield* idrFind(kvm, attr.sendPort);
  yield* unlockXen(kvm);
  if (record === null) return -ENOENT;
  yield* lockXen(kvm);
  const result = yield* updateRecord(record, attr);
  yield* unlockXen(kvm);
  return result;
}
