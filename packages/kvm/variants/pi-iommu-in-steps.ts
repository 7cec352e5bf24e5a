/** The IOMMU sets the vector's bit, and looks at ON and SN afterwards. */
import type { Task } from '@faultline/machine';
import { cpuOf, type HostCpus, sendVector } from '../src/hw/host-cpu.ts';
import { lineOf, ndstOf, nvOf, PI_ON, PI_SN, pirBit, pirWord } from '../src/x86/posted-intr-desc.ts';
import type { PiDesc } from '../src/x86/posted-intr-state.ts';

/** @replaces packages/kvm/src/hw/iommu.ts#iommuPost 7267b36e */
export function* iommuPost(cpus: HostCpus, desc: PiDesc, vector: number): Task {
  yield* pirWord(desc, vector).fetchOr(pirBit(vector));
  let control = yield* desc.control.readOnce();
  while ((control & (PI_ON | PI_SN)) === 0n) {
    const seen = yield* desc.control.cmpxchg(control, control | PI_ON);
    if (seen === control) {
      yield* sendVector(cpuOf(cpus, ndstOf(control)), lineOf(nvOf(control)));
      return;
    }
    control = seen;
  }
}
