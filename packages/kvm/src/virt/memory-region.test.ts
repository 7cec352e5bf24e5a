import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { EEXIST, EINVAL, EIO, ENOMEM, errnoName } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { type Gfn, PAGE_SIZE } from '../types.ts';
import { createVm, type VmOptions } from './create-vm.ts';
import type { Kvm } from './kvm.ts';
import { setMemoryRegion, setUserMemoryRegion, type UserspaceMemoryRegion } from './memory-region.ts';
import { hvaOf, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from './memslots.ts';
import { searchMemslots } from './memslots-search.ts';

const PAGE = BigInt(PAGE_SIZE);
const FORMS: readonly VmOptions[] = [{ form: 'modern' }, { form: '2014' }];

let kvm: Kvm;
const set = (mem: Partial<UserspaceMemoryRegion>, choices: number[] = []) =>
  runAlone(setUserMemoryRegion(kvm, regionOf(mem)), choices);
const regionOf = (mem: Partial<UserspaceMemoryRegion>): UserspaceMemoryRegion => ({
  slot: 0,
  flags: 0,
  guestPhysAddr: 0n,
  memorySize: PAGE,
  userspaceAddr: 0n,
  ...mem,
});
const find = (gfn: number) => {
  const slots = kvm.memslots.at(0).peek();
  return slots === null ? null : runAlone(searchMemslots(slots, gfn as Gfn));
};

const fresh = (options: VmOptions) => () => {
  freshArena(1 << 20);
  kvm = runAlone(createVm({ ...options, tableEntries: 16, userMemSlots: 6 }));
};

describe.each(FORMS)('arguments, form %o', (options) => {
  beforeEach(fresh(options));

  test.each<[string, Partial<UserspaceMemoryRegion>]>([
    ['an id of user space is below the private ones', { slot: 6 }],
    ['an unknown flag', { flags: 4 }],
    ["a flag of the kernel's own", { flags: 1 << 16 }],
    ['a size that is not whole pages', { memorySize: 0x1800n }],
    ['an unaligned guest address', { guestPhysAddr: 0x800n }],
    ['an unaligned user address', { userspaceAddr: 0x800n }],
    ['a user range that ends above user space', { userspaceAddr: (1n << 47n) - PAGE, memorySize: 2n * PAGE }],
    ['a tagged user address', { userspaceAddr: 1n << 57n }],
    ['an address space that the VM has not', { slot: 1 << 16 }],
    ['a guest range that wraps', { guestPhysAddr: (1n << 64n) - PAGE, memorySize: 2n * PAGE }],
    ['more pages than a slot may have', { memorySize: PAGE << 31n }],
    ['a frame that page tables cannot hold', { guestPhysAddr: 15n * PAGE, memorySize: 2n * PAGE }],
    ['deleting what is not there', { memorySize: 0n }],
  ])('%s is refused with -EINVAL', (_, mem) => {
    expect(errnoName(set(mem))).toBe(errnoName(-EINVAL));
    expect(find(0)).toBeNull();
  });

  test('user space ends a page below the middle of the addresses', () => {
    const end = (1n << 47n) - PAGE;
    expect(set({ userspaceAddr: end })).toBe(-EINVAL);
    expect(set({ userspaceAddr: end - PAGE })).toBe(0);
  });

  test('another mm and a dead VM are refused with -EIO before anything else is looked at', () => {
    expect(runAlone(setUserMemoryRegion(kvm, regionOf({ slot: 99 }), 2))).toBe(-EIO);
    kvm.vmDead.poke(1);
    expect(set({ slot: 99 })).toBe(-EIO);
  });

  test('an existing slot keeps its size, its user address and READONLY', () => {
    expect(set({ memorySize: 2n * PAGE })).toBe(0);
    expect(set({ memorySize: 3n * PAGE })).toBe(-EINVAL);
    expect(set({ memorySize: 2n * PAGE, userspaceAddr: PAGE })).toBe(-EINVAL);
    expect(set({ memorySize: 2n * PAGE, flags: KVM_MEM_READONLY })).toBe(-EINVAL);
    expect(set({ memorySize: 2n * PAGE })).toBe(0);
  });

  test('slots of one address space do not overlap: -EEXIST, for a creation and for a move', () => {
    expect(set({ memorySize: 2n * PAGE })).toBe(0);
    expect(set({ slot: 1, guestPhysAddr: PAGE })).toBe(-EEXIST);
    expect(set({ slot: 1, guestPhysAddr: 4n * PAGE })).toBe(0);
    expect(set({ slot: 1, guestPhysAddr: PAGE })).toBe(-EEXIST);
    expect(find(4)?.id).toBe(1);
  });
});

describe.each(FORMS)('changes of slots, form %o', (options) => {
  beforeEach(fresh(options));

  test('a private id is taken below the door', () => {
    const mem = regionOf({ slot: 6, guestPhysAddr: 8n * PAGE });
    expect(runAlone(setMemoryRegion(kvm, mem))).toBe(0);
    expect(find(8)?.id).toBe(6);
  });

  test('a moved slot is found at its new place only, with the same memory behind it', () => {
    expect(set({ guestPhysAddr: PAGE, memorySize: 2n * PAGE, userspaceAddr: 5n * PAGE })).toBe(0);
    expect(set({ guestPhysAddr: 2n * PAGE, memorySize: 2n * PAGE, userspaceAddr: 5n * PAGE })).toBe(0);
    expect(find(1)).toBeNull();
    const slot = find(3);
    expect(slot === null ? null : hvaOf(slot, 3 as Gfn)).toBe(6 * PAGE_SIZE);
  });

  test('the dirty bitmap lives while logging is on, and is shared by the slots before and after', () => {
    const on = { flags: KVM_MEM_LOG_DIRTY_PAGES };
    set({});
    expect(find(0)?.dirtyBitmap).toBeNull();
    set(on);
    const bitmap = find(0)?.dirtyBitmap;
    expect(bitmap).not.toBeNull();
    set({ ...on, guestPhysAddr: PAGE });
    expect(find(1)?.dirtyBitmap).toBe(bitmap);
    set({ guestPhysAddr: PAGE });
    expect(find(1)?.dirtyBitmap).toBeNull();
  });

  test('an update that runs out of memory returns -ENOMEM and changes nothing', () => {
    set({ memorySize: 2n * PAGE });
    kvm.config.allocMayFail = 1;
    expect(set({ memorySize: 0n }, [1])).toBe(-ENOMEM);
    const logged = { guestPhysAddr: PAGE, memorySize: 2n * PAGE, flags: KVM_MEM_LOG_DIRTY_PAGES };
    expect(set(logged, [0, 1])).toBe(-ENOMEM);
    expect(find(0)?.flags).toBe(0);
    expect(set(logged, [0, 0])).toBe(0);
    expect(find(0)).toBeNull();
  });

  test('the generation moves with each update and is at rest afterwards', () => {
    const generation = () => kvm.memslots.at(0).peek()?.generation.peek();
    const step = options.form === '2014' ? 2 : 1;
    set({});
    expect(generation()).toBe(step);
    set({ flags: KVM_MEM_LOG_DIRTY_PAGES });
    expect(generation()).toBe(2 * step);
    set({ memorySize: 0n });
    expect(generation()).toBe(4 * step);
  });
});

/** What a list of slots would do. */
class NaiveSlots {
  readonly slots = new Map<number, { base: number; npages: number; frame: number }>();

  set(id: number, base: number, npages: number, frame: number): number {
    const old = this.slots.get(id);
    if (npages === 0) return this.slots.delete(id) ? 0 : -EINVAL;
    if (old !== undefined && (old.npages !== npages || old.frame !== frame)) return -EINVAL;
    if (old !== undefined && old.base === base) return 0;
    for (const [other, s] of this.slots) {
      if (other !== id && base < s.base + s.npages && s.base < base + npages) return -EEXIST;
    }
    if (base + npages > 16) return -EINVAL;
    this.slots.set(id, { base, npages, frame });
    return 0;
  }

  find(gfn: number): string {
    for (const [id, s] of this.slots) {
      if (gfn >= s.base && gfn < s.base + s.npages) return `${id}@${s.frame + gfn - s.base}`;
    }
    return 'none';
  }
}

test.each(FORMS)('any sequence of updates agrees with a list of slots, form %o', (options) => {
  const update = fc.tuple(fc.nat(5), fc.nat(16), fc.nat(4), fc.nat(2));
  fc.assert(
    fc.property(fc.array(update, { maxLength: 12 }), (updates) => {
      freshArena(1 << 20);
      kvm = runAlone(createVm({ ...options, tableEntries: 16, userMemSlots: 6 }));
      const naive = new NaiveSlots();
      for (const [slot, base, npages, frame] of updates) {
        const mem = {
          slot,
          guestPhysAddr: BigInt(base) * PAGE,
          memorySize: BigInt(npages) * PAGE,
          userspaceAddr: BigInt(frame) * PAGE,
        };
        expect(set(mem)).toBe(naive.set(slot, base, npages, frame));
        for (let gfn = 0; gfn < 17; gfn++) {
          const found = find(gfn);
          const text = found === null ? 'none' : `${found.id}@${hvaOf(found, gfn as Gfn) / PAGE_SIZE}`;
          expect(text).toBe(naive.find(gfn));
        }
      }
    }),
    { numRuns: 300 },
  );
});
