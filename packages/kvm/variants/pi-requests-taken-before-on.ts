/** The requests are taken first, and ON is cleared afterwards: a post in between is not looked at, and nobody is told. */
import type { Task } from '@faultline/machine';
import { PI_ON, takePir } from '../src/x86/posted-intr-desc.ts';
import type { PiDesc, VcpuPi } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/x86/posted-intr-run.ts#syncPirToIrr 7028c8c9 */
export function* syncPirToIrr(pi: VcpuPi): Task<boolean> {
  const desc = pi.desc as PiDesc;
  if (((yield* desc.control.readOnce()) & PI_ON) !== 0n) {
    pi.virr |= yield* takePir(desc);
    yield* desc.control.fetchAndnot(PI_ON);
  }
  return pi.virr !== 0n;
}
