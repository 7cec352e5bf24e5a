import { createVcpu, hva, PAGE_SIZE, pfn, setUserMemoryRegion, type Vcpu } from '@faultline/kvm';
import {
  createIrqchip,
  invalidateRangeEnd,
  invalidateRangeStart,
  irqfdAssign,
  irqfdDeassign,
  migratePage,
  mmuLoad,
  mmuUnload,
  xenSetSharedInfo,
} from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { type IrqVm, irqVm, LINE } from '../vm/irq-vm.ts';
import { type MmuVm, mmuVm } from '../vm/mmu-vm.ts';
import { GFN, region, type SmallVm, smallVm } from '../vm/small-vm.ts';
import { zapEverything } from '../vm/tables-vm.ts';
import { hvaOfPage, SHARED_INFO, type XenVm, xenVm } from '../vm/xen-vm.ts';
import { addDevice } from '../xen/xen-callers.ts';

/** KVM_CREATE_IRQCHIP goes through three locks to tell every irqfd its route; KVM_IRQFD takes the last of them alone. */
export const irqchipBesideAnIrqfd = scenario('locks/irqchip-waits-for-an-irqfd', {
  title: 'an irqchip is made while an irqfd comes, and each waits for a lock that the other has',
  source: 'kvm_irq_routing_update, kvm_irqfd_assign',
  size: '1 KVM_CREATE_IRQCHIP, 1 KVM_IRQFD that takes down nothing, 1 that assigns',
  *setup() {
    return yield* irqVm({ route: null });
  },
  threads: {
    *irqchip({ kvm }: IrqVm) {
      return yield* createIrqchip(kvm);
    },
    *vmm({ kvm, eventfd }: IrqVm) {
      yield* irqfdDeassign(kvm, eventfd, LINE);
      return yield* irqfdAssign(kvm, eventfd, LINE);
    },
  },
  always: {
    'both ioctls return': never('deadlock'),
    'the irqfd has the route of its line': (_, { irq }) => irq.irqfdsItems?.irqEntry.data.peek() === 1,
  },
  sometimes: {
    'the irqchip is made, and the irqfd is there': ({ results }) =>
      results.irqchip === 0 && results.vmm === 0,
  },
});

/**
 * A device is added with kvm->lock held, and nobody may be inside a section with the old bus by then. A notifier is inside
 * one, and so it takes no lock that a holder of kvm->lock may have.
 */
export const notifierMeetsADevice = scenario('locks/notifier-waits-for-a-device', {
  title: 'the host invalidates a page while a device is added, and each waits for the other',
  source: 'kvm_mmu_notifier_invalidate_range_end, KVM_CREATE_IRQCHIP',
  size: '1 invalidation, 1 device added under kvm->lock',
  *setup() {
    const vm = yield* smallVm({ form: 'modern', tableEntries: 1 });
    yield* setUserMemoryRegion(vm.kvm, region(0, 1, { hostFrame: GFN }));
    return vm;
  },
  threads: {
    *host({ kvm }: SmallVm) {
      yield* invalidateRangeStart(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
      yield* invalidateRangeEnd(kvm, hva(GFN * PAGE_SIZE), hva((GFN + 1) * PAGE_SIZE));
      return true;
    },
    *vmm({ kvm }: SmallVm) {
      yield* addDevice(kvm);
      return true;
    },
  },
  always: {
    'both come to an end': never('deadlock'),
  },
  sometimes: {
    'the device is there, and the page is gone': ({ results }) => results.host && results.vmm,
  },
});

/** The list of caches is kvm->gpc_lock's, each cache its own: a notifier goes from the first to the second. */
export const notifierMeetsACache = scenario('locks/notifier-waits-for-a-cache', {
  title: 'a cache of shared_info ends while the host moves the page, and each waits for the other',
  source: 'kvm_gpc_deactivate, gfn_to_pfn_cache_invalidate_start',
  size: '1 KVM_XEN_HVM_SET_ATTR, 1 migration of the page',
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vmm({ kvm }: XenVm) {
      return yield* xenSetSharedInfo(kvm, null);
    },
    *host({ kvm }: XenVm) {
      return yield* migratePage(kvm, hvaOfPage(SHARED_INFO), pfn(2));
    },
  },
  always: {
    'both come to an end': never('deadlock'),
  },
  sometimes: {
    'the page moves': ({ results }) => results.vmm === 0 && results.host !== null,
  },
});

interface TwoVcpus extends MmuVm {
  readonly other: Vcpu;
}

/** Everything was zapped, so each vCPU puts the root that it has. One takes it off the list, the other adds a new one. */
export const rootsReplaced = scenario('locks/vcpu-that-puts-a-root-waits-for-one-that-loads', {
  title: 'a vCPU gives up its root while another one loads a new one, and each waits for the other',
  source: 'kvm_tdp_mmu_put_root, kvm_tdp_mmu_get_vcpu_root_hpa',
  size: '2 vCPUs, everything zapped before, tables of 1 level',
  *setup() {
    const vm = yield* mmuVm({ pages: 1, frames: 1 });
    const other = yield* createVcpu(vm.kvm, 1);
    if (typeof other === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${other}`);
    yield* zapEverything(vm.kvm);
    return { ...vm, other };
  },
  threads: {
    *vcpu0({ vcpu }: TwoVcpus) {
      yield* mmuUnload(vcpu);
      return true;
    },
    *vcpu1({ other }: TwoVcpus) {
      yield* mmuLoad(other);
      return true;
    },
  },
  always: {
    'both vCPUs go on': never('deadlock'),
  },
  sometimes: {
    'the old root is gone, and there is a new one': ({ results }, { kvm, other }) =>
      results.vcpu0 && results.vcpu1 && kvm.roots.get(0) === other.root,
  },
});
