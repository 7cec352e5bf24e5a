import {
  bitsPerWord,
  maskBit,
  type Page,
  pendingBit,
  SEL_MASK,
  UPCALL_PENDING,
  type VcpuXen,
  xenHalt,
  xenHvmEvtchnSend,
  xenSchedopPoll,
  xenTimerCallback,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';
import {
  contentOf,
  delivered,
  PORT,
  SHARED_INFO,
  touchPage,
  VCPU_INFO,
  type XenVm,
  xenVm,
} from '../vm/xen-vm.ts';

const frame = ({ mm }: XenVm, page: number): Page => mm.page.at(page);

/** A guest's handler of upcalls, run once if there is one: flag, word, ports. Returns the ports that it found. */
function* handleUpcall(vm: XenVm): Task<number> {
  const info = frame(vm, VCPU_INFO).content;
  const shared = frame(vm, SHARED_INFO).content;
  if (((yield* info.fetchAndnot(UPCALL_PENDING)) & UPCALL_PENDING) === 0n) return 0;
  const words = (yield* info.fetchAndnot(SEL_MASK)) & SEL_MASK;
  const bits = bitsPerWord(vm.kvm);
  let mine = 0n;
  for (let word = 0; word < bits; word++) {
    if ((words & (1n << BigInt(word))) !== 0n) mine |= ((1n << BigInt(bits)) - 1n) << BigInt(word * bits);
  }
  return Number((yield* shared.fetchAndnot(mine)) & mine);
}

/**
 * arch/x86/kvm/xen.c kvm_xen_set_evtchn_fast().
 *
 * The guest looks for the flag, then for the word, then for the port, and clears each as it goes. KVM sets them the other
 * way round. So whenever the guest has looked and found nothing, the flag is still to come.
 */
export const guestFindsNothing = scenario('xen/guest-finds-nothing', {
  title: 'a guest is told to look, finds no event, and the event is there a moment later',
  source: 'kvm_xen_set_evtchn_fast',
  size: '2 sends to one word, 1 upcall handled',
  *setup() {
    return yield* xenVm();
  },
  threads: {
    *vmm({ kvm }: XenVm) {
      yield* xenHvmEvtchnSend(kvm, PORT, 0);
      yield* xenHvmEvtchnSend(kvm, PORT + 1, 0);
    },
    *guest(vm: XenVm) {
      return yield* handleUpcall(vm);
    },
  },
  always: {
    'an event that the guest has not found will be found': ({ results }, vm) =>
      [PORT, PORT + 1].every((port) => (results.guest & (1 << port)) !== 0 || delivered(vm, port)),
  },
  sometimes: {
    'the guest finds both': ({ results }) => results.guest === (1 << PORT) + (1 << (PORT + 1)),
    'it finds one': ({ results }) => results.guest === 1 << PORT,
    'it looks too early': ({ results }) => results.guest === 0,
  },
});

/**
 * vcpu_info is not mapped, so the sender notes the word in the vCPU. The vCPU sleeps, or is about to: it is told, maps
 * the page, and passes the word on.
 */
export const vcpuSleepsOn = scenario('xen/vcpu-sleeps-on', {
  title: 'a word is noted in a vCPU that sleeps and is not woken',
  source: 'kvm_xen_set_evtchn_fast, kvm_xen_inject_pending_events',
  size: '1 vCPU that halts, 1 send, vcpu_info not mapped',
  defends: ['xen.kick_for_noted_word', 'xen.pass_noted_words_on'],
  *setup() {
    const vm = yield* xenVm();
    yield* touchPage(vm, VCPU_INFO);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: XenVm) {
      yield* xenHalt(vcpu);
    },
    *vmm({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, PORT, 0);
    },
  },
  always: {
    'the vCPU wakes up for the event': never('livelock'),
    'its guest finds the event': (_, vm) => delivered(vm),
    'the word that leads to it is in vcpu_info': (_, vm) =>
      contentOf(vm, VCPU_INFO) === (UPCALL_PENDING | 1n),
  },
  sometimes: {
    'nothing stays noted': (_, { vcpu }) => (vcpu.xen as VcpuXen).evtchnPendingSel.peek() === 0,
  },
});

/** Of two words one is passed on while the other is being noted: it stays noted. */
export const notedWordDropped = scenario('xen/noted-word-dropped', {
  title: 'a word is noted while another is passed on, and is forgotten with it',
  source: 'kvm_xen_inject_pending_events',
  size: '1 vCPU that passes on what is noted, 1 send to another word, vcpu_info not mapped',
  *setup() {
    const vm = yield* xenVm();
    yield* touchPage(vm, VCPU_INFO);
    yield* xenHvmEvtchnSend(vm.kvm, PORT, 0);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: XenVm) {
      yield* xenHalt(vcpu);
    },
    *vmm({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, OTHER_WORD, 0);
    },
  },
  always: {
    'the guest of the vCPU finds both, or the vCPU will pass it on': (_, vm) =>
      delivered(vm) && delivered(vm, OTHER_WORD),
  },
  sometimes: {
    'one of them stays noted': (_, { vcpu }) => (vcpu.xen as VcpuXen).evtchnPendingSel.peek() !== 0,
    'none does': (_, { vcpu }) => (vcpu.xen as VcpuXen).evtchnPendingSel.peek() === 0,
  },
});

const OTHER_WORD = 6;

/** SCHEDOP_poll: a vCPU sleeps until a port is pending, though it is masked. */
export const pollerSleepsOn = scenario('xen/poller-sleeps-on', {
  title: 'a vCPU polls a masked port, and sleeps on when it becomes pending',
  source: 'kvm_xen_schedop_poll, kvm_xen_check_poller',
  size: '1 vCPU that polls 1 port, 1 send',
  defends: ['xen.wake_poller', 'xen.poll_after_saying_so'],
  *setup() {
    const vm = yield* xenVm();
    frame(vm, SHARED_INFO).content.poke(maskBit(PORT));
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: XenVm) {
      yield* xenSchedopPoll(vcpu, PORT);
    },
    *vmm({ kvm }: XenVm) {
      return yield* xenHvmEvtchnSend(kvm, PORT, 0);
    },
  },
  always: {
    'the vCPU wakes up for its port': never('livelock'),
    'a masked port raises no upcall': (_, vm) => contentOf(vm, VCPU_INFO) === 0n,
  },
  sometimes: {
    'the port is pending': (_, vm) => (contentOf(vm, SHARED_INFO) & pendingBit(PORT)) !== 0n,
  },
});

/** The timer of a vCPU runs out as it halts: its event is raised by the vCPU itself. */
export const timerLost = scenario('xen/timer-lost', {
  title: 'the timer of a vCPU runs out as the vCPU lies down, and it sleeps on',
  source: 'xen_timer_callback, kvm_xen_inject_timer_irqs',
  size: '1 vCPU that halts, 1 timer',
  defends: ['xen.wake_for_timer'],
  *setup() {
    const vm = yield* xenVm();
    (vm.vcpu.xen as VcpuXen).timerPort = PORT;
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: XenVm) {
      yield* xenHalt(vcpu);
    },
    *timer({ vcpu }: XenVm) {
      yield* xenTimerCallback(vcpu);
    },
  },
  always: {
    'the vCPU wakes up for its timer': never('livelock'),
  },
  sometimes: {
    'the timer is done with': (_, { vcpu }) => (vcpu.xen as VcpuXen).timerPending.peek() === 0,
  },
});
