import { gpa, PAGE_SIZE, pfn } from '@faultline/kvm';
import {
  type GfnToPfnCache,
  gpcActivate,
  gpcRefresh,
  initGpc,
  type KvmXen,
  migratePage,
  ptePfn,
} from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import { hvaOfPage, OTHER, SHARED_INFO, touchPage, type XenVm, xenVm } from '../vm/xen-vm.ts';

interface WithCache extends XenVm {
  readonly gpc: GfnToPfnCache;
}

/** Whether a write through the cache, if it says that it is valid, lands in the page that it names. */
function namesItsPage({ mm }: XenVm, gpc: GfnToPfnCache): boolean {
  if (gpc.valid === 0) return true;
  return ptePfn(mm.ptes.at(Math.floor(gpc.uhva / PAGE_SIZE)).peek()) === gpc.pfn;
}

function* insideSrcu({ kvm, gpc }: WithCache, page: number): Task<number> {
  const idx = yield* kvm.srcu.readLock();
  const result = yield* gpcRefresh(kvm, gpc, gpa(page * PAGE_SIZE));
  yield* kvm.srcu.readUnlock(idx);
  return result;
}

/**
 * Linux 93984f19e7bc ("KVM: Fully serialize gfn=>pfn cache refresh via mutex").
 *
 * Two users point one cache at different pages. A refresh drops gpc->lock while it asks the host, so that lock alone does
 * not keep the answer for one page from being stored beside the address of the other.
 */
export const cacheOfAnotherPage = scenario('xen/cache-of-another-page', {
  title: 'a cache holds the address of one page and the frame of another',
  source: '93984f19e7bc',
  size: '2 refreshes of one cache, for different pages',
  defends: ['xen.serialize_refreshers'],
  *setup() {
    const vm = yield* xenVm({ pages: 3 });
    yield* touchPage(vm, SHARED_INFO);
    return { ...vm, gpc: (vm.kvm.xen as KvmXen).shinfoCache as GfnToPfnCache };
  },
  threads: {
    *first(vm: WithCache) {
      return yield* insideSrcu(vm, SHARED_INFO);
    },
    *second(vm: WithCache) {
      return yield* insideSrcu(vm, OTHER);
    },
  },
  always: {
    'what is written through the cache lands in the page that it names': (_, vm) => namesItsPage(vm, vm.gpc),
  },
  sometimes: {
    'it ends at the first page': (_, { gpc }) => gpc.uhva === hvaOfPage(SHARED_INFO),
    'it ends at the second': (_, { gpc }) => gpc.uhva === hvaOfPage(OTHER),
  },
});

/**
 * Linux ecbcf030b45666 ("KVM: Reject attempts to consume or refresh inactive gfn_to_pfn_cache").
 *
 * A cache is started while another user already tries to refresh it, and the host moves its page. It can be refreshed
 * from the moment it is active, so the notifier has to find it on its list by then.
 */
export const cacheNotOnTheList = scenario('xen/cache-not-on-the-list', {
  title: 'a cache is valid, and the notifier does not find it',
  source: 'ecbcf030b456, kvm_gpc_activate',
  size: '1 activation, 1 refresh, 1 migration of the page',
  deep: true,
  *setup() {
    const vm = yield* xenVm({ pages: 3 });
    return { ...vm, gpc: initGpc() };
  },
  threads: {
    *vmm({ kvm, gpc }: WithCache) {
      const idx = yield* kvm.srcu.readLock();
      const result = yield* gpcActivate(kvm, gpc, gpa(OTHER * PAGE_SIZE));
      yield* kvm.srcu.readUnlock(idx);
      return result;
    },
    *user(vm: WithCache) {
      return yield* insideSrcu(vm, OTHER);
    },
    *host({ kvm }: WithCache) {
      return yield* migratePage(kvm, hvaOfPage(OTHER), pfn(3));
    },
  },
  always: {
    'what is written through the cache lands in its page': (_, vm) => namesItsPage(vm, vm.gpc),
  },
  sometimes: {
    'the user is too early': ({ results }) => results.user === -22,
    'the page moves': ({ results }) => results.host !== null,
    'the notifier invalidates the cache': ({ results }, { gpc }) => results.host !== null && gpc.valid === 0,
  },
});
