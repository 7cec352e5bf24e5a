import { pfn } from '@faultline/kvm';
import { migratePage, xenHvmEvtchnSend, xenSetEvtchn } from '@faultline/kvm/seams';
import { scenario, type Task } from '@faultline/machine';
import {
  contentOf,
  delivered,
  eventFor,
  hvaOfPage,
  PORT,
  type Sending,
  SHARED_INFO,
  touchPage,
  VCPU_INFO,
  type XenVm,
  xenVm,
} from '../vm/xen-vm.ts';

/** The one frame that no page has at first. */
const SPARE = pfn(2);

function* move({ kvm }: XenVm, page: number): Task<number> {
  return (yield* migratePage(kvm, hvaOfPage(page), SPARE)) === null ? 0 : 1;
}

/**
 * arch/x86/kvm/xen.c kvm_xen_set_evtchn_fast(), virt/kvm/pfncache.c.
 *
 * The host moves shared_info to another frame while a sender sets a bit in it. The sender holds gpc->lock while it does,
 * and the notifier needs that lock before the host may go on. So the bit is in the frame before it is copied, or the
 * sender maps the page again and finds the new frame.
 */
export const eventLostAsPageMoves = scenario('xen/event-lost-as-shared-info-moves', {
  title: 'the bit of an event is set in a frame that shared_info has left',
  source: 'kvm_xen_set_evtchn_fast, gfn_to_pfn_cache_invalidate_start',
  size: '1 send, 1 migration of the page',
  defends: ['xen.invalidate_cache', 'xen.check_invalidation', 'xen.map_shared_info_again'],
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vmm({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, PORT, 0);
    },
    *host(vm: XenVm) {
      return yield* move(vm, SHARED_INFO);
    },
  },
  always: {
    'an event that was accepted is pending for the guest': ({ results }, vm) =>
      results.vmm !== 0 || delivered(vm),
    'it is accepted': ({ results }) => results.vmm === 0,
  },
  sometimes: {
    'the page moves': ({ results }) => results.host === 1,
    'a sender that maps it holds it in place': ({ results }) => results.host === 0,
  },
});

/**
 * The same with a page that is not mapped at first. A refresh asks the host for the frame with gpc->lock dropped, and
 * believes the answer only if no invalidation was under way or has begun since.
 */
export const eventLostAsPageIsMapped = scenario('xen/event-lost-in-a-frame-just-mapped', {
  title: 'a frame is mapped that the host has begun to take away',
  source: '58cd407ca4c6, hva_to_pfn_retry',
  size: '1 send that maps shared_info, 1 migration of the page',
  deep: true,
  defends: ['xen.check_invalidation'],
  *setup() {
    const vm = yield* xenVm();
    yield* touchPage(vm, SHARED_INFO);
    const xe = eventFor(PORT);
    xe.vcpuIdx.poke(0);
    return { ...vm, xe };
  },
  threads: {
    *vmm({ kvm, xe }: Sending) {
      return yield* xenSetEvtchn(kvm, xe);
    },
    *host(vm: Sending) {
      return yield* move(vm, SHARED_INFO);
    },
  },
  always: {
    'an event that was accepted is pending for the guest': ({ results }, vm) =>
      results.vmm !== 1 || delivered(vm),
    'it is accepted': ({ results }) => results.vmm === 1,
  },
  sometimes: {
    'the page moves': ({ results }) => results.host === 1,
    'a sender that maps it holds it in place': ({ results }) => results.host === 0,
  },
});

/** vcpu_info moves: the word's bit and the upcall are set there, or noted in the vCPU, which passes them on. */
export const upcallLostAsPageMoves = scenario('xen/upcall-lost-as-vcpu-info-moves', {
  title: 'an event is pending, and the word that leads to it is noted in a frame that vcpu_info has left',
  source: 'kvm_xen_set_evtchn_fast',
  size: '1 send, 1 migration of the page',
  defends: ['xen.invalidate_cache'],
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vmm({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, PORT, 0);
    },
    *host(vm: XenVm) {
      return yield* move(vm, VCPU_INFO);
    },
  },
  always: {
    'an event that was accepted leads to an upcall': (_, vm) => delivered(vm),
  },
  sometimes: {
    'the vCPU has it noted': (_, vm) => contentOf(vm, VCPU_INFO) === 0n,
    'vcpu_info has it': (_, vm) => contentOf(vm, VCPU_INFO) !== 0n,
  },
});
