/** Every write is taken for a repetition, once there was one. */
import type { Task } from '@faultline/machine';
import type { VcpuTsc, VmTsc } from '../src/x86/tsc-state.ts';

/** @replaces packages/kvm/src/x86/tsc.ts#isRepetition 8828d7bc */
export function* isRepetition(vm: VmTsc, vcpu: VcpuTsc, _value: number, _elapsed: number): Task<boolean> {
  return (yield* vm.lastTscKhz.readOnce()) === vcpu.khz;
}
