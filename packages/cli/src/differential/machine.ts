/** What a real machine has, so that ours is given the same: asked through the API alone. */
import { Cap } from '@faultline/kvm';
import { type KvmClient, PAGE, type VmClient } from './client.ts';
import type { Machine } from './our-kvm.ts';

/** Frame numbers have no more bits than this: 52 of an address, less those of a page. */
const MOST_BITS = 40;
const FEWEST_BITS = 20;

export function machineOf(client: KvmClient): Machine {
  const vm = client.createVm();
  try {
    return {
      userMemSlots: vm.checkExtension(Cap.NR_MEMSLOTS),
      addressSpaces: vm.checkExtension(Cap.MULTI_ADDRESS_SPACE) > 1 ? 2 : 1,
      maxGfn: maxGfn(vm),
    };
  } finally {
    vm.close();
  }
}

/** A slot in the last page that there can be is taken; one page higher is not. */
function maxGfn(vm: VmClient): number {
  for (let bits = MOST_BITS; bits > FEWEST_BITS; bits--) {
    const last = (1n << BigInt(bits)) * BigInt(PAGE) - BigInt(PAGE);
    const region = { slot: 0, flags: 0, guestPhysAddr: last, userspaceAddr: 0n, inMemory: true };
    if (vm.setUserMemoryRegion({ ...region, memorySize: BigInt(PAGE) }) !== 0) continue;
    vm.setUserMemoryRegion({ ...region, memorySize: 0n });
    return 2 ** bits;
  }
  throw new Error('no slot is accepted, wherever it is');
}
