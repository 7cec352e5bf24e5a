import { gfn } from '@faultline/kvm';
import {
  type ArmVcpu,
  type ArmVm,
  armAccess,
  createArmVm,
  doExit,
  fatalSignalPending,
  handleGuestAbort,
  ioctlBegin,
  ioctlEnd,
  killGroup,
  referenced,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

/** KVM_RUN until a fatal signal is pending: one thread looks for signals, then runs the guest and handles its exit, then looks again. */
function* runUntilKilled({ kvm, mm, process }: ArmVm, id: number, rounds: number): Task<number> {
  const file = yield* ioctlBegin(process, 0);
  if (typeof file === 'number') return 0;
  let ran = 0;
  while (ran < rounds && !(yield* fatalSignalPending(process))) {
    ran++;
    const { abort } = yield* armAccess(kvm.vcpus.get(id) as ArmVcpu, gfn(0), 1n);
    if (abort !== null) yield* handleGuestAbort(kvm, mm, abort);
  }
  yield* ioctlEnd(file);
  return ran;
}

/**
 * The question that the mail ends with. Two vCPU threads, one of them kills the process and leaves while the other is in KVM_RUN: the
 * mappings, and with them the tables, stay until that one has left KVM_RUN and ended as well.
 */
export const killedWhileVcpuRuns = scenario('lifetime/killed-while-a-vcpu-runs', {
  title: 'a process is killed, and its address space goes while one of its vCPUs runs',
  source: 'seed 004, last reply',
  size: '1 process of 2 tasks, 2 vCPUs, 1 fatal signal',
  claims: [
    {
      seed: '004.17',
      says: 'From do_exit(): a vCPU may still run while its pages are unmapped',
      verdict: 'holds in part',
      but: 'a task exits while the vCPU of another runs; but that one is a user of the mm too, and exit_mmap() comes after it has left KVM_RUN',
    },
    {
      seed: '004.20',
      says: 'A running vCPU thread shares the mm, so exit_mmap() cannot run beside it',
      verdict: 'holds',
    },
    {
      seed: '004.21',
      says: 'One thread cannot handle a signal and an exit of the guest at the same time',
      verdict: 'holds',
    },
  ],
  *setup(): Task<ArmVm> {
    return createArmVm({ levels: 2, tasks: 2, vcpus: 2 });
  },
  threads: {
    *vcpu0(vm: ArmVm) {
      const ran = yield* runUntilKilled(vm, 0, 2);
      yield* doExit(vm.process);
      return ran;
    },
    *vcpu1(vm: ArmVm) {
      yield* killGroup(vm.process);
      yield* doExit(vm.process);
    },
  },
  always: { 'no table is walked that is gone': never('BUG') },
  sometimes: {
    'a vCPU runs on': ({ results }) => results.vcpu0 > 0,
    'the signal comes first': ({ results }) => results.vcpu0 === 0,
  },
});

/** Exit, an ioctl and aging at once. */
export const usedWhileProcessEnds = scenario('lifetime/vm-used-while-its-process-ends', {
  title: 'a process ends while one of its tasks is in an ioctl and the host ages its memory',
  source: 'hardware_disable_test, seed 004',
  size: '1 process of 2 tasks, 1 fault, 1 aging',
  defends: ['arm64.check_pgd_before_aging'],
  *setup(): Task<ArmVm> {
    const vm = createArmVm({ levels: 2, tasks: 2, vcpus: 1 });
    vm.mm.mmCount.poke(vm.mm.mmCount.peek() + 1);
    return vm;
  },
  threads: {
    *vcpu0(vm: ArmVm) {
      const ran = yield* runUntilKilled(vm, 0, 1);
      yield* doExit(vm.process);
      return ran;
    },
    *exit(vm: ArmVm) {
      yield* killGroup(vm.process);
      yield* doExit(vm.process);
    },
    *host({ mm }: ArmVm) {
      return yield* referenced(mm, 0);
    },
  },
  always: {
    'no table is walked that is gone': never('BUG'),
    'nothing is used that was freed': never('use after free'),
  },
  sometimes: { 'the host finds the page young': ({ results }) => results.host },
});
