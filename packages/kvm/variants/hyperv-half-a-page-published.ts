/** Whether the second write arrived is not looked at. */
import { smpWmb, type Task } from '@faultline/machine';
import { type KvmHv, nextSequence, TscPage, type TscRefPage, writeFails } from '../src/x86/hyperv-tsc.ts';

/** @replaces packages/kvm/src/x86/hyperv-tsc.ts#writePage 45931b74 */
export function* writePage(hv: KvmHv, _status: number): Task<number> {
  const page = hv.page as TscRefPage;
  const sequence = yield* page.tscSequence.readOnce();
  yield* page.tscSequence.writeOnce(0);
  const version = yield* hv.masterclock.readOnce();
  yield* smpWmb();
  yield* page.tscScale.writeOnce(version);
  if (!(yield* writeFails(hv))) yield* page.tscOffset.writeOnce(10 * version);
  yield* smpWmb();
  yield* page.tscSequence.writeOnce(nextSequence(sequence));
  return TscPage.SET;
}
