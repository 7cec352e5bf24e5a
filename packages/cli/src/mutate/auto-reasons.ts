/**
 * Why a site that survives `mutate --auto` is left as it is: by its name, or by what kind of operation it is. A survivor that
 * is not here is a finding, and so is one whose reason says that it is a gap.
 */
import { AROUND_REASONS } from './reasons/around.ts';
import { KVM_REASONS } from './reasons/kvm.ts';
import type { Reason } from './reasons/reason.ts';

export interface Verdict {
  readonly verdict: 'survives' | 'elsewhere';
  readonly says: string;
}

export const REASONS: readonly Reason[] = [...KVM_REASONS, ...AROUND_REASONS];

/** What stands before the sentence of a site that KVM needs and no scenario misses. */
export const GAP = 'finding: ';

/** '' for a site that nobody has written about. */
export function reasonFor(site: string): Verdict {
  const known = BY_SITE.get(site);
  if (known !== undefined) {
    return { verdict: 'survives', says: known.kind === 'gap' ? `${GAP}${known.says}` : known.says };
  }
  for (const { sites, says } of ORDERS) if (sites.test(site)) return { verdict: 'elsewhere', says };
  return { verdict: 'survives', says: '' };
}

/** What a machine does by itself that has no order to lose. */
const ORDERS: readonly { readonly sites: RegExp; readonly says: string }[] = [
  {
    sites: /^arm64\/.*[:.](?:smpWmb|smpRmb|storeRelease|loadAcquire|rcuDereference|assign)(?: \(\d+\))?$/,
    says: 'no plain data depends on this order where scenarios come (that would be a data race), and atomic operations of arm64 are explored under sequential consistency: needs its memory model',
  },
  {
    sites: /[:.](?:smpWmb|smpRmb|storeRelease|loadAcquire|rcuDereference|assign)(?: \(\d+\))?$/,
    says: 'x86 keeps this order by itself, and no plain data depends on it where scenarios come (that would be a data race): needs a weaker memory model',
  },
  {
    sites: /:smpMbAfterAtomic(?: \(\d+\))?$/,
    says: 'on x86 the atomic before it is a full barrier already: needs a weaker memory model',
  },
  {
    sites: /^virt\/kick\.ts#kvm_vcpu_exiting_guest_mode:smpMb$/,
    says: 'on x86 the atomic that set the request before it is a full barrier already: needs a weaker memory model',
  },
  {
    sites: /^x86\/xen-hypercall\.ts#kvm_xen_schedop_poll:smpMb$/,
    says: 'on x86 the lock that is taken right behind it is a full barrier as well: needs a weaker memory model',
  },
];

const BY_SITE: ReadonlyMap<string, Reason> = new Map(
  REASONS.flatMap((reason) => reason.sites.map((site) => [site, reason] as const)),
);
