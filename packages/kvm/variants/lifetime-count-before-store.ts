/** online_vcpus counts the vCPU before it is in the array. */
import { at, type Task } from '@faultline/machine';
import { EEXIST } from '../src/errno.ts';
import { allocVcpu } from '../src/virt/create-vcpu.ts';
import type { Kvm, Vcpu } from '../src/virt/kvm.ts';

/** @replaces packages/kvm/src/virt/create-vcpu.ts#publishVcpu 6dabff91 */
export function* publishVcpu(kvm: Kvm, id: number): Task<Vcpu | number> {
  const vcpu = allocVcpu(kvm, id);
  yield* kvm.lock.lock();
  const index = yield* kvm.onlineVcpus.readOnce();
  for (let i = 0; i < index; i++) {
    const other = (yield* kvm.vcpus.at(i).readOnce()) as Vcpu;
    if (other.vcpuId !== id) continue;
    yield* kvm.lock.unlock();
    return -EEXIST;
  }
  yield* kvm.onlineVcpus.storeRelease(index + 1, at('lifetime.publish_vcpu'));
  yield* kvm.vcpus.at(index).writeOnce(vcpu);
  yield* kvm.lock.unlock();
  return vcpu;
}
