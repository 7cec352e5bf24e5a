import type { Vcpu } from '@faultline/kvm';
import { exitGuest, flushRemoteTlbs, guestRead, guestWrite, runInstruction } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import { type EntryVm, entryVm } from '../vm/entry-vm.ts';
import { kept, takeAway } from '../vm/frames.ts';
import { GPA0 } from '../vm/mmu-vm.ts';

/**
 * A vCPU goes in and out of its guest while the host takes a page away. The flush leaves a request and looks where the
 * vCPU is: in the guest it is interrupted, elsewhere it is left alone, and flushes before it enters. That the vCPU says
 * "in the guest" before it looks at its requests for the last time, and the flush sets the request before it looks
 * where the vCPU is, leaves no gap between the two.
 */
export const flushLeavesAVcpuInTheGuest = scenario('mmu/flush-leaves-a-vcpu-in-the-guest', {
  title: 'a flush returns, and a vCPU runs its guest with translations from before',
  source: 'kvm_make_all_cpus_request, vcpu_enter_guest',
  size: '1 vCPU, 2 writes, 1 page swapped out, 2 frames, tables of 1 level, flush and entry real',
  defends: [
    'mmu.set_request',
    'mmu.interrupt_vcpus_in_guest',
    'mmu.flush_tlb_on_request',
    'mmu.set_in_guest_mode',
    'mmu.order_mode_before_requests',
    'mmu.check_requests_again',
  ],
  *setup() {
    const vm = yield* entryVm();
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    yield* exitGuest(vm.vcpu);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* runInstruction(vcpu, GPA0, true, 6n);
      yield* runInstruction(vcpu, GPA0, true, 7n);
    },
    *host(vm: EntryVm) {
      return yield* takeAway(vm);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
  },
  sometimes: {
    'the page is taken away between the writes': (_, { mm }) => mm.swap.at(0).peek() === 6n,
    'the page is taken away before both': (_, { mm }) => mm.swap.at(0).peek() === 1n,
    'the guest is interrupted': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 1,
    'it is outside, and left alone': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 0,
  },
});

/**
 * Two flush at once. The second finds the vCPU on its way out already, because the first has said so; its interrupt may
 * not have arrived. So whoever has to wait, waits for everybody who is not outside.
 */
export const flushTrustsAnotherFlush = scenario('mmu/flush-trusts-another-flush', {
  title: 'a flush returns because another has been sent, which has not arrived',
  source: 'kvm_request_needs_ipi',
  size: '1 vCPU, 1 write, 1 page swapped out beside 1 flush, 2 frames, tables of 1 level, flush and entry real',
  *setup() {
    const vm = yield* entryVm();
    yield* guestWrite(vm.vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* runInstruction(vcpu, GPA0, true, 7n);
    },
    *host(vm: EntryVm) {
      return yield* takeAway(vm);
    },
    *other({ kvm }: EntryVm) {
      yield* flushRemoteTlbs(kvm);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
  },
  sometimes: {
    'one interrupt serves both': (_, { vcpu }) => vcpu.cpu.vmExits.peek() === 1,
    'the page is taken away after the guest wrote': (_, { mm }) => mm.swap.at(0).peek() === 7n,
  },
});

/**
 * Everything real: the grace periods of kvm->srcu, the flush, the entry of both vCPUs. Whatever order they leave their
 * guests in, no one writes to the frame after the notifier has returned.
 */
export const frameWrittenWithAllLevelsReal = scenario('mmu/flush-frame-written-all-levels-real', {
  title: 'a vCPU writes to a frame that was taken away, with every level real',
  source: 'kvm_flush_remote_tlbs',
  size: '2 vCPUs, 1 write each, 1 read, 1 page swapped out, 3 frames, tables of 1 level, SRCU, flush and entry real',
  deep: true,
  defends: ['notifier.flush_before_return', 'mmu.interrupt_vcpus_in_guest', 'mmu.report_dirty_to_host'],
  *setup() {
    const vm = yield* entryVm({ vcpus: 2, srcu: 'real', mmu: { frames: 3 } });
    for (const vcpu of vm.vcpus) yield* guestWrite(vcpu, GPA0, 1n);
    return vm;
  },
  threads: {
    *vcpu0({ vcpu }: EntryVm) {
      yield* exitGuest(vcpu);
      yield* guestWrite(vcpu, GPA0, 7n);
      return (yield* guestRead(vcpu, GPA0)).value;
    },
    *vcpu1({ vcpus }: EntryVm) {
      yield* runInstruction(vcpus[1] as Vcpu, GPA0, true, 8n);
    },
    *host(vm: EntryVm) {
      return yield* takeAway(vm);
    },
  },
  always: {
    'a frame that was given away keeps what its new owner wrote': ({ results }, vm) => kept(results.host, vm),
    'the guest reads what it wrote': ({ results: { vcpu0 } }) => vcpu0 === 7n || vcpu0 === 8n,
  },
  sometimes: {
    'the page is taken away between the writes': (_, { mm }) => mm.swap.at(0).peek() === 7n,
    'it is taken away before both': (_, { mm }) => mm.swap.at(0).peek() === 1n,
  },
});
