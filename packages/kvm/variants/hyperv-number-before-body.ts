/** The page gets its number first. */
import { smpWmb, type Task } from '@faultline/machine';
import { type KvmHv, nextSequence, TscPage, type TscRefPage } from '../src/x86/hyperv-tsc.ts';

/** @replaces packages/kvm/src/x86/hyperv-tsc.ts#writePage 45931b74 */
export function* writePage(hv: KvmHv, _status: number): Task<number> {
  const page = hv.page as TscRefPage;
  const sequence = yield* page.tscSequence.readOnce();
  yield* page.tscSequence.writeOnce(0);
  const version = yield* hv.masterclock.readOnce();
  yield* smpWmb();
  yield* page.tscSequence.writeOnce(nextSequence(sequence));
  yield* page.tscScale.writeOnce(version);
  yield* page.tscOffset.writeOnce(10 * version);
  return TscPage.SET;
}
