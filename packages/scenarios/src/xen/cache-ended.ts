import { pfn } from '@faultline/kvm';
import { migratePage, xenSetVcpuInfo } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { hvaOfPage, VCPU_INFO, type XenVm, xenVm } from '../vm/xen-vm.ts';

/** The VMM says that a vCPU has no vcpu_info any more, while the host moves that page: the notifier looks at every cache. */
export const cacheEndedUnderANotifier = scenario('xen/cache-ended-under-a-notifier', {
  title: 'a notifier walks the list of caches while one is taken off it',
  source: 'kvm_gpc_deactivate, gfn_to_pfn_cache_invalidate_start',
  size: '1 end of a cache, 1 migration of its page',
  defends: ['xen.end_cache_holds_gpc_lock'],
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vmm({ vcpu }: XenVm) {
      return yield* xenSetVcpuInfo(vcpu, null);
    },
    *host({ kvm }: XenVm) {
      return (yield* migratePage(kvm, hvaOfPage(VCPU_INFO), pfn(2))) === null ? 0 : 1;
    },
  },
  always: {
    'the list of caches changes under gpc_lock': never('wrong guard'),
  },
  sometimes: {
    'the page moves': ({ results }) => results.host === 1,
  },
});
