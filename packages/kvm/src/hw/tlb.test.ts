/** Goal: a guest may use more pages than its TLB has entries, and nothing beside the TLB changes. */
import { expect, test } from 'vitest';
import { freshArena, runAlone } from '../run-alone.ts';
import { gpa, PAGE_SIZE } from '../types.ts';
import { createVcpu } from '../virt/create-vcpu.ts';
import { createVm } from '../virt/create-vm.ts';
import type { Vcpu } from '../virt/kvm.ts';
import { setUserMemoryRegion } from '../virt/memory-region.ts';
import { mmuLoad } from '../x86/tdp-roots.ts';
import { guestRead, guestWrite } from './guest-access.ts';
import { TLB_ENTRIES } from './tlb.ts';

test('pages that share an entry of the TLB do not share a translation', () => {
  freshArena(1 << 18);
  const pages = 2 * TLB_ENTRIES;
  const kvm = runAlone(createVm({ form: 'modern', mmu: { pages, frames: pages, levels: 2, indexBits: 4 } }));
  const slot = {
    slot: 0,
    flags: 0,
    guestPhysAddr: 0n,
    memorySize: BigInt(pages * PAGE_SIZE),
    userspaceAddr: 0n,
  };
  expect(runAlone(setUserMemoryRegion(kvm, slot))).toBe(0);
  const vcpu = runAlone(createVcpu(kvm, 0)) as Vcpu;
  runAlone(mmuLoad(vcpu));
  const root = vcpu.root?.addr;
  for (let page = 0; page < pages; page++)
    runAlone(guestWrite(vcpu, gpa(page * PAGE_SIZE), BigInt(page + 1)));
  for (let page = 0; page < pages; page++) {
    expect(runAlone(guestRead(vcpu, gpa(page * PAGE_SIZE))).value).toBe(BigInt(page + 1));
  }
  expect(vcpu.root?.addr).toBe(root);
});
