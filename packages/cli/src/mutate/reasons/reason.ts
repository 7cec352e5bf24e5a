/** Why a site that nobody misses is left as it is: what `mutate --auto` and docs/coverage.md say of it. */

export interface Reason {
  /**
   * `needless`: without it the model behaves as with it, in these scenarios and in any other. `gap`: KVM needs it, or may, and
   * the catalogue does not show that.
   */
  readonly kind: 'needless' | 'gap';
  readonly says: string;
  /**
   * What the recorded run has to show for it. `alone`: no other thread changes the same place in any scenario. `apart`: others
   * do, and a lock that both hold keeps each of them apart. A lock, 'kvm->mmu_lock exclusive': it was held every time.
   */
  readonly shown?: 'alone' | 'apart' | `${string} exclusive`;
  readonly sites: readonly string[];
}
