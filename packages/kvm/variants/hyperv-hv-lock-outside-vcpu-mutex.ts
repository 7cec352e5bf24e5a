/** Whoever says that the page is due keeps the vCPU that writes it from running, inside hv_lock. */
import type { Task } from '@faultline/machine';
import type { Vcpu } from '../src/virt/kvm.ts';
import { type KvmHv, TscPage } from '../src/x86/hyperv-tsc.ts';

/** @replaces packages/kvm/src/x86/hyperv-tsc.ts#requestTscPageUpdate f7030981 */
export function* requestTscPageUpdate(hv: KvmHv): Task {
  const vcpu = hv.vcpus.get(0) as Vcpu;
  yield* hv.hvLock.lock();
  yield* vcpu.mutex.lock();
  yield* hv.status.writeOnce(TscPage.HOST_CHANGED);
  yield* vcpu.mutex.unlock();
  yield* hv.hvLock.unlock();
}
