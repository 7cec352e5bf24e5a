/** A vCPU that is loaded elsewhere is notified where it was before. */
import type { Task } from '@faultline/machine';
import type { HostCpu } from '../src/hw/host-cpu.ts';
import { PI_SN, POSTED_INTR_VECTOR, withNv } from '../src/x86/posted-intr-desc.ts';
import type { PiDesc } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr.ts#notifyNormally 8002100e */
export function* notifyNormally(desc: PiDesc, _cpu: HostCpu): Task {
  let old = yield* desc.control.readOnce();
  for (;;) {
    const seen = yield* desc.control.cmpxchg(old, withNv(old & ~PI_SN, POSTED_INTR_VECTOR));
    if (seen === old) return;
    old = seen;
  }
}
