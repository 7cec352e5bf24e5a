/**
 * Documents write `kvm->arch.hyperv.hv_lock`, `kvm_arch::tsc_write_lock` or `cpus_read_lock()`, lockdep prints
 * `&hv->hv_lock`, `&kvm->arch.tsc_write_lock`, `&(kvm)->mmu_lock`: the text of the expression at the init site.
 */
export interface LockName {
  /** `kvm`, `vcpu`, `hv`; empty for a global. */
  readonly owner: string;
  /** Path between owner and field, usually empty. */
  readonly middle: readonly string[];
  readonly field: string;
}

const ALIASES: Readonly<Record<string, string>> = {
  cpus_read_lock: 'cpu_hotplug_lock',
  cpus_write_lock: 'cpu_hotplug_lock',
};

/** Fields that many structures have: they say nothing without their owner. */
const GENERIC = new Set(['lock', 'mutex', 'srcu', 'sem', 'wait', 'list_lock', 'wait_lock']);

export function parseLockName(text: string): LockName {
  let t = text
    .trim()
    .replace(/`/g, '')
    .replace(/#\d+$/, '')
    .replace(/\/\d+$/, '')
    .replace(/\(\)$/, '');
  t = t
    .replace(/^&?per_cpu\((\w+),.*\)$/, '$1')
    .replace(/->rlock$/, '')
    .replace(/^&?\((&?[^()]*)\)(?=->|$)/, '$1')
    .replace(/[&()\s]/g, '');
  t = ALIASES[t] ?? t;
  const parts = t.split(/->|\.|::/).filter((p) => p !== '');
  const field = parts[parts.length - 1] ?? t;
  const owner = parts.length > 1 ? (parts[0] ?? '').replace(/_arch$/, '') : '';
  const middle = parts.slice(1, -1).filter((p) => p !== 'arch');
  return { owner, middle, field };
}

/** Do two spellings mean one lock? An owner that is only a local variable (hv, gpc) does not decide. */
export function sameLock(a: string, b: string): boolean {
  const x = parseLockName(a);
  const y = parseLockName(b);
  if (x.field !== y.field) return false;
  if (GENERIC.has(x.field)) return tail(x) === tail(y);
  if (x.owner === y.owner || x.owner === '' || y.owner === '') return true;
  return x.middle.length > 0 || y.middle.length > 0;
}

/** `kvm->arch.mmu_lock` against `kvm->mmu_lock`: one lock, and one of the two paths does not exist. */
export function samePath(a: string, b: string): boolean {
  const flat = (text: string) =>
    text
      .replace(/[&()`\s]/g, '')
      .replace(/_arch::/, '->arch.')
      .replace(/->|::/g, '.');
  return flat(a) === flat(b);
}

/** Is this class one of KVM's own locks, as far as its name tells? */
export function isKvmLock(name: string): boolean {
  if (/wq_completion|work_completion|ACCESS_PRIVATE/.test(name)) return false;
  return /kvm|vcpu|gpc|irqfd|&ioapic->|hv_lock|resampler|async_pf|track_srcu|(?:^|[^a-z])srcu$/.test(name);
}

function tail(name: LockName): string {
  const last = name.middle[name.middle.length - 1] ?? name.owner;
  return `${last}.${name.field}`;
}
