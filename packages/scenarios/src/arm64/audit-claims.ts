/** Which sentences of seed 004 each pair of the audit settles. */
import type { Claim } from '@faultline/machine';

const claim = (n: number, says: string): Claim => ({ seed: `004.${n}`, says, verdict: 'holds' });

const ON_EXIT: Readonly<Record<string, readonly Claim[]>> = {
  age: [claim(1, 'kvm_age_hva() may run while the release notifier runs')],
};

export function claimsOf(name: string, exit: boolean): readonly Claim[] {
  return exit ? (ON_EXIT[name] ?? []) : [];
}
