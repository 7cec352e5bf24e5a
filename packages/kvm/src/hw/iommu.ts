/**
 * @area pi
 *
 * The IOMMU posts a device's interrupt: in one atomic operation on the descriptor it sets the vector's bit, looks at ON
 * and SN, and sets ON unless one of them is set; if it did, it sends the vector NV to the CPU NDST, both as they were then.
 */
import { atomically, type Task } from '@faultline/machine';
import { lineOf, ndstOf, nvOf, PI_ON, PI_SN, pirBit, pirWord } from '../x86/posted-intr-desc.ts';
import type { PiDesc } from '../x86/posted-intr-state.ts';
import { cpuOf, type HostCpus, sendVector } from './host-cpu.ts';

/** Intel VT-d specification, section 5.2.3, interrupt posting. */
export function* iommuPost(cpus: HostCpus, desc: PiDesc, vector: number): Task {
  const word = pirWord(desc, vector);
  yield* atomically([word, desc.control], 'write');
  word.poke(word.peek() | pirBit(vector));
  const control = desc.control.peek();
  const notify = (control & (PI_ON | PI_SN)) === 0n;
  if (notify) desc.control.poke(control | PI_ON);
  if (notify) yield* sendVector(cpuOf(cpus, ndstOf(control)), lineOf(nvOf(control)));
}
