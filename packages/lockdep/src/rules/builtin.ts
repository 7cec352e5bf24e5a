import { NOTIFIER, type Rule, type RuleBook } from './rule.ts';

/** Texts of KVM's lock document whose line numbers are known here, oldest first, with the first kernel that has them. */
export const KNOWN_VERSIONS = ['4.x', '6.1', '2025'] as const;
const SINCE: Readonly<Record<KnownVersion, string>> = { '4.x': '4.8', '6.1': '5.17', '2025': '6.12' };
const DOCUMENT: Readonly<Record<KnownVersion, string>> = {
  '4.x': 'locking.txt of 4.x',
  '6.1': 'locking.rst of 6.1',
  '2025': 'locking.rst of 2025 (6.12 and later)',
};
export type KnownVersion = (typeof KNOWN_VERSIONS)[number];

type Lines = Partial<Record<KnownVersion, number>>;

interface BuiltIn {
  readonly lines: Lines;
  readonly make: (source: Rule['source']) => Rule;
}

const order = (outer: string, inner: string, lines: Lines): BuiltIn => ({
  lines,
  make: (source) => ({ kind: 'order', outer, inner, source, says: `${outer} is taken outside ${inner}` }),
});
const notInside = (lock: string, section: string, lines: Lines): BuiltIn => ({
  lines,
  make: (source) => ({
    kind: 'not-inside',
    lock,
    section,
    source,
    says:
      section === NOTIFIER
        ? `${NOTIFIER} does not take ${lock}`
        : `${lock} is not taken inside a read section of ${section}`,
  }),
});
const sync = (lock: string, allowed: boolean, lines: Lines): BuiltIn => ({
  lines,
  make: (source) => ({
    kind: 'synchronize',
    domain: 'kvm->srcu',
    lock,
    allowed,
    source,
    says: allowed
      ? `synchronize_srcu(&kvm->srcu) is called with ${lock} held`
      : `${lock} is dropped before synchronize_srcu(&kvm->srcu)`,
  }),
});
const requires = (lock: string, lines: Lines): BuiltIn => ({
  lines,
  make: (source) => ({
    kind: 'requires-held',
    lock,
    held: 'kvm->mmu_lock',
    source,
    says: `${lock} is only taken with kvm->mmu_lock held`,
  }),
});

/**
 * The rules of Documentation/virt/kvm/locking.rst, restated, with the line each stands on in the versions we know.
 * Texts from between 6.1 and the final 6.2 are left out: for a few weeks they said the opposite about kvm->lock.
 */
const TABLE: readonly BuiltIn[] = [
  order('cpus_read_lock()', 'kvm_lock', { '2025': 12 }),
  order('kvm_usage_lock', 'cpus_read_lock()', { '2025': 14 }),
  order('kvm->lock', 'vcpu->mutex', { '4.x': 9, '6.1': 12, '2025': 16 }),
  order('kvm->lock', 'kvm->slots_lock', { '4.x': 11, '6.1': 14, '2025': 18 }),
  order('kvm->lock', 'kvm->irq_lock', { '4.x': 11, '6.1': 14, '2025': 18 }),
  order('kvm->slots_lock', 'kvm->irq_lock', { '4.x': 13, '6.1': 16, '2025': 20 }),
  notInside('kvm->slots_lock', NOTIFIER, { '6.1': 28, '2025': 27 }),
  notInside('kvm->slots_arch_lock', NOTIFIER, { '6.1': 28, '2025': 27 }),
  sync('kvm->lock', true, { '2025': 38 }),
  sync('vcpu->mutex', true, { '2025': 38 }),
  sync('kvm->slots_lock', true, { '2025': 38 }),
  notInside('kvm->lock', 'kvm->srcu', { '2025': 39 }),
  notInside('vcpu->mutex', 'kvm->srcu', { '2025': 39 }),
  notInside('kvm->slots_lock', 'kvm->srcu', { '6.1': 22, '2025': 39 }),
  sync('kvm->slots_arch_lock', false, { '6.1': 19, '2025': 46 }),
  {
    lines: { '6.1': 21, '2025': 47 },
    make: (source) => ({
      kind: 'may-inside',
      lock: 'kvm->slots_arch_lock',
      section: 'kvm->srcu',
      source,
      says: 'kvm->slots_arch_lock may be taken inside a read section of kvm->srcu',
    }),
  },
  order('vcpu->mutex', 'kvm->arch.hyperv.hv_lock', { '6.1': 32, '2025': 53 }),
  order('vcpu->mutex', 'kvm->arch.xen.xen_lock', { '2025': 53 }),
  order('kvm->mmu_lock', 'kvm->arch.tdp_mmu_pages_lock', { '6.1': 34 }),
  order('kvm->mmu_lock', 'kvm->arch.mmu_unsync_pages_lock', { '6.1': 35 }),
  requires('kvm->arch.tdp_mmu_pages_lock', { '6.1': 36, '2025': 56 }),
  requires('kvm->arch.mmu_unsync_pages_lock', { '6.1': 36, '2025': 56 }),
  {
    lines: { '4.x': 16, '6.1': 39, '2025': 59 },
    make: (source) => ({
      kind: 'leaf',
      lock: null,
      source,
      says: 'every lock not named as an outer one is a leaf',
    }),
  },
];

/**
 * The built-in rules, each cited where it stands: in the newest known version not later than the kernel when that
 * version has the rule, else in the earliest later one that does.
 * @param kernel version of the report, for example `6.2.0-rc3+`; null when not known
 */
export function builtInRules(kernel: string | null): RuleBook {
  const wanted = kernel === null ? KNOWN_VERSIONS.length - 1 : newestNotAfter(kernel);
  const rules = TABLE.map((entry) => {
    const version = pickVersion(entry.lines, wanted);
    return entry.make({ document: DOCUMENT[version], line: entry.lines[version] ?? 0 });
  });
  return { document: 'built-in rules (KVM locking.rst)', rules, entries: [], unread: [], doubts: [] };
}

function newestNotAfter(kernel: string): number {
  const asked = versionNumber(kernel);
  let best = 0;
  KNOWN_VERSIONS.forEach((v, i) => {
    if (versionNumber(SINCE[v]) <= asked) best = i;
  });
  return best;
}

function versionNumber(text: string): number {
  const m = /^(\d{1,3})\.(\d{1,4})/.exec(text);
  return m ? Number(m[1]) * 10_000 + Number(m[2]) : Number.MAX_SAFE_INTEGER;
}

function pickVersion(lines: Lines, wanted: number): KnownVersion {
  for (let i = wanted; i >= 0; i--) {
    const v = KNOWN_VERSIONS[i];
    if (v && lines[v] !== undefined) return v;
  }
  for (let i = wanted + 1; i < KNOWN_VERSIONS.length; i++) {
    const v = KNOWN_VERSIONS[i];
    if (v && lines[v] !== undefined) return v;
  }
  throw new Error('a built-in rule has no known line');
}
