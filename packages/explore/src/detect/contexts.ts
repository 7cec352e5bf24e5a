/**
 * Sleeping in atomic context: who holds a spinning lock must not wait for one that sleeps. Under PREEMPT_RT the ordinary
 * spinning locks sleep themselves, and are held without being atomic; raw ones spin, everywhere.
 */
import { describe, Kind } from '@faultline/machine';
import type { Held } from './held.ts';

const Flavor = { OTHER: 0, MUTEX: 1, SPIN: 2, RAW: 3 } as const;

const flavors: Readonly<Record<string, number>> = {
  mutex: Flavor.MUTEX,
  spinlock: Flavor.SPIN,
  rwlock: Flavor.SPIN,
  raw_spinlock: Flavor.RAW,
};

const spelled: Readonly<Record<number, string>> = {
  [Kind.MUTEX_LOCK]: 'mutex_lock',
  [Kind.SPIN_LOCK]: 'spin_lock',
  [Kind.READ_LOCK]: 'read_lock',
  [Kind.WRITE_LOCK]: 'write_lock',
  [Kind.SRCU_BEGIN]: 'synchronize_srcu',
};

export class Contexts {
  /** The kernel is built with PREEMPT_RT. */
  preemptRt = false;
  private readonly byAddr = new Map<number, number>();

  constructor(private readonly setupEnd: number) {}

  /** What is wrong with thread `t` waiting here, '' if nothing. Which locks it waits for is known by kind and address. */
  problem(held: Held, t: number, kind: number, addr: number): string {
    if (held.count(t) === 0 || !this.sleeps(kind, addr)) return '';
    for (let k = held.count(t) - 1; k >= 0; k--) {
      if (!this.atomic(held.addr(t, k))) continue;
      const call = `${spelled[kind]}(&${describe(addr).text})`;
      const rt = this.preemptRt ? ', PREEMPT_RT' : '';
      return `sleeping function called from invalid context: ${call} inside ${held.className(t, k)}${rt}`;
    }
    return '';
  }

  private sleeps(kind: number, addr: number): boolean {
    if (kind === Kind.SRCU_BEGIN) return true;
    if (spelled[kind] === undefined) return false;
    const flavor = this.flavor(addr);
    return flavor === Flavor.MUTEX || (flavor === Flavor.SPIN && this.preemptRt);
  }

  private atomic(addr: number): boolean {
    const flavor = this.flavor(addr);
    return flavor === Flavor.RAW || (flavor === Flavor.SPIN && !this.preemptRt);
  }

  private flavor(addr: number): number {
    const known = this.byAddr.get(addr);
    if (known !== undefined) return known;
    const label = describe(addr).info?.type.label.replace('[]', '') ?? '';
    const flavor = flavors[label] ?? Flavor.OTHER;
    if (addr < this.setupEnd) this.byAddr.set(addr, flavor);
    return flavor;
  }
}
