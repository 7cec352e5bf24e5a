import { gfn, gpa, PAGE_SIZE, setUserMemoryRegion } from '@faultline/kvm';
import {
  bitsPerWord,
  munmap,
  pendingBit,
  type VcpuXen,
  xenHvmEvtchnSend,
  xenSetSharedInfo,
  xenSetVcpuInfo,
} from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { deletion, region } from '../vm/small-vm.ts';
import {
  contentOf,
  delivered,
  expectZero,
  hvaOfPage,
  OTHER,
  PORT,
  VCPU_INFO,
  type XenVm,
  xenVm,
} from '../vm/xen-vm.ts';

/** Another port, of another word. */
const SECOND = 5;

/**
 * virt/kvm/pfncache.c kvm_gpc_refresh().
 *
 * Guest frame 0 has been given other memory. A cache knows by the generation of the slots that it may be of the old. Two
 * senders meet: one maps the page again, the other must not use the old frame under the new address meanwhile.
 */
export const eventLostInOldMemory = scenario('xen/event-lost-in-memory-taken-back', {
  title: 'shared_info has other memory behind it, and an event goes to the old',
  source: 'kvm_gpc_check, kvm_gpc_refresh',
  size: '2 sends, after the memory of shared_info was replaced',
  defends: ['xen.check_generation', 'xen.invalid_while_unlocked'],
  *setup() {
    const vm = yield* xenVm({ pages: 3 });
    // Guest frames 0 and 1 are backed by pages 2 and 1 from now on.
    expectZero(yield* setUserMemoryRegion(vm.kvm, deletion()));
    expectZero(yield* setUserMemoryRegion(vm.kvm, region(0, 1, { hostFrame: OTHER })));
    expectZero(yield* setUserMemoryRegion(vm.kvm, region(1, 1, { slot: 1 })));
    return vm;
  },
  threads: {
    *vmm({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, PORT, 0);
    },
    *other({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, SECOND, 0);
    },
  },
  always: {
    'both events are pending where the guest looks': (_, vm) =>
      delivered(vm, PORT, OTHER) && delivered(vm, SECOND, OTHER),
  },
  sometimes: {
    'both are accepted': ({ results }) => results.vmm === 0 && results.other === 0,
  },
});

/**
 * KVM_XEN_ATTR_TYPE_SHARED_INFO moves shared_info to another page of the guest while events are sent. One that is sent
 * after the ioctl has returned is pending in the new page; one that was under way is in either.
 */
export const eventLostAsPageIsRemapped = scenario('xen/event-lost-as-shared-info-is-remapped', {
  title: 'an event is sent after shared_info was put elsewhere, and is pending in the old page',
  source: 'kvm_xen_shared_info_init, kvm_xen_set_evtchn_fast',
  size: '1 send, 1 KVM_XEN_HVM_SET_ATTR',
  defends: ['xen.take_slow_way'],
  *setup() {
    return yield* xenVm({ pages: 3 });
  },
  threads: {
    *sender({ kvm, progress }: XenVm) {
      const late = yield* progress.returned.loadAcquire();
      const result = yield* xenHvmEvtchnSend(kvm, PORT, 0);
      return { late, result };
    },
    *vmm({ kvm, progress }: XenVm) {
      const result = yield* xenSetSharedInfo(kvm, gfn(OTHER));
      yield* progress.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'an event sent after the ioctl is in the new page': ({ results: { sender } }, vm) =>
      sender.late === 0 || delivered(vm, PORT, OTHER),
    'no event is lost': (_, vm) =>
      ((contentOf(vm, 0) | contentOf(vm, OTHER)) & pendingBit(PORT)) !== 0n &&
      (contentOf(vm, VCPU_INFO) & (1n << BigInt(Math.floor(PORT / bitsPerWord(vm.kvm))))) !== 0n,
  },
  sometimes: {
    'it is sent after': ({ results: { sender } }) => sender.late === 1,
    'it is in the old page': (_, vm) => (contentOf(vm, 0) & pendingBit(PORT)) !== 0n,
    'it is in the new page though sent before': ({ results: { sender } }, vm) =>
      sender.late === 0 && (contentOf(vm, OTHER) & pendingBit(PORT)) !== 0n,
  },
});

/**
 * KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO moves vcpu_info while an event is sent. The word that leads to it is set in the new
 * page if it is sent after the ioctl, else there, in the old one, or noted in the vCPU.
 */
export const upcallLostAsPageIsRemapped = scenario('xen/upcall-lost-as-vcpu-info-is-remapped', {
  title: 'vcpu_info is put elsewhere, and the word that leads to an event is set nowhere',
  source: 'kvm_xen_vcpu_set_attr, kvm_xen_set_evtchn_fast',
  size: '1 send, 1 KVM_XEN_VCPU_SET_ATTR',
  defends: ['xen.note_word_in_vcpu'],
  *setup() {
    return yield* xenVm({ pages: 3 });
  },
  threads: {
    *sender({ kvm, progress }: XenVm) {
      const late = yield* progress.returned.loadAcquire();
      yield* xenHvmEvtchnSend(kvm, PORT, 0);
      return late;
    },
    *vcpu0({ vcpu, progress }: XenVm) {
      const result = yield* xenSetVcpuInfo(vcpu, gpa(OTHER * PAGE_SIZE));
      yield* progress.returned.storeRelease(1);
      return result;
    },
  },
  always: {
    'an event sent after the ioctl leads to an upcall in the new page': ({ results }, vm) =>
      results.sender === 0 || contentOf(vm, OTHER) !== 0n,
    'the word of an event is somewhere': (_, vm) =>
      contentOf(vm, VCPU_INFO) !== 0n || contentOf(vm, OTHER) !== 0n || noted(vm) !== 0,
  },
  sometimes: {
    'it is in the old page': (_, vm) => contentOf(vm, VCPU_INFO) !== 0n,
    'the vCPU has it noted': (_, vm) => noted(vm) !== 0,
    'it is in the new page': (_, vm) => contentOf(vm, OTHER) !== 0n,
  },
});

const noted = ({ vcpu }: XenVm): number => (vcpu.xen as VcpuXen).evtchnPendingSel.peek();

/** The VMM takes the memory of shared_info away for good: senders hear of it, and the frame is not touched once it is free. */
export const eventInFreedFrame = scenario('xen/event-in-a-freed-frame', {
  title: 'an event is set in a frame that the VMM has given back',
  source: 'gfn_to_pfn_cache_invalidate_start',
  size: '1 send, 1 munmap of shared_info',
  defends: ['xen.invalidate_cache'],
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vmm({ kvm, mm }: XenVm) {
      yield* munmap(kvm, hvaOfPage(0), hvaOfPage(1));
      // What the frame holds when it is given back is what it holds for whoever gets it.
      return yield* mm.page.at(0).content.readOnce();
    },
    *sender({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, PORT, 0);
    },
  },
  always: {
    'nothing is written to the frame after munmap returned': ({ results }, { mm }) =>
      mm.page.at(0).content.peek() === results.vmm,
    'a sender is refused, or was in time': ({ results }) =>
      results.sender === 0 ? (results.vmm & pendingBit(PORT)) !== 0n : results.sender === -14,
  },
  sometimes: {
    'the sender is refused': ({ results }) => results.sender === -14,
    'the sender is in time': ({ results }) => results.sender === 0,
  },
});
