import { gfn } from '@faultline/kvm';
import {
  type ArmVcpu,
  type ArmVm,
  allocProcess,
  allocUserMm,
  armAccess,
  closeFd,
  createArmVcpu,
  createArmVm,
  createDevice,
  doExit,
  handleGuestAbort,
  ioctlBegin,
  ioctlEnd,
  type Process,
  runArmVcpu,
  shareFile,
  tryToUnmap,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

const ALIVE = 'nothing is used that was freed';

interface Forked extends ArmVm {
  readonly child: Process;
}

/** A child of fork() has the VM's file, and an address space of which the VM's notifier hears nothing. */
export const childRunsVm = scenario('lifetime/child-runs-its-parents-vm', {
  title: 'a forked child runs the VM, whose notifier is for the memory of its parent',
  source: 'kvm_vcpu_ioctl',
  size: '2 processes, 1 file of the VM, 1 vCPU, 1 page of the child that the host takes away',
  defends: ['lifetime.check_mm'],
  *setup(): Task<Forked> {
    const vm = createArmVm({ levels: 2, vcpus: 1 });
    const child = allocProcess(allocUserMm(vm.frames, 1, 2, 8), 1);
    shareFile(child, 0, vm.file);
    return { ...vm, child };
  },
  threads: {
    *child({ kvm, child }: Forked) {
      const file = yield* ioctlBegin(child, 0);
      if (typeof file === 'number') return file;
      if (child.mm !== null) {
        yield* handleGuestAbort(kvm, child.mm, { gfn: gfn(0), write: true, accessFlag: false });
      }
      yield* armAccess(kvm.vcpus.get(0) as ArmVcpu, gfn(0), 1n);
      yield* ioctlEnd(file);
      return 0;
    },
    *host({ child }: Forked) {
      if (child.mm !== null) yield* tryToUnmap(child.mm, 0, 1);
    },
  },
  always: { 'the guest uses no frame that was freed': never('BUG') },
  sometimes: { 'the child is refused': ({ results }) => results.child === -5 },
});

/** Another task guesses the descriptor that a new device gets, and closes it. */
export const deviceClosedEarly = scenario('lifetime/device-closed-before-it-is-created', {
  title: 'a device is closed before it has its reference on the VM',
  source: 'cfa39381173d ("kvm: fix kvm_ioctl_create_device() reference counting")',
  size: '1 process of 2 tasks, 1 file of the VM, 1 device',
  *setup(): Task<ArmVm> {
    return createArmVm({ tasks: 2 });
  },
  threads: {
    *create({ process, kvm }: ArmVm) {
      const file = yield* ioctlBegin(process, 0);
      if (typeof file === 'number') return;
      yield* createDevice(process, 1, kvm);
      yield* ioctlEnd(file);
    },
    *close({ process, kvm }: ArmVm) {
      yield* closeFd(process, 1);
      return yield* kvm.usersCount.readOnce();
    },
  },
  always: { [ALIVE]: never('use after free') },
  sometimes: { 'the VM has one file left': ({ results }) => results.close === 1 },
});

/** Another task guesses the descriptor that a new vCPU gets, and runs it. */
export const vcpuRunEarly = scenario('lifetime/vcpu-run-before-it-is-online', {
  title: 'a vCPU runs before it is counted, and is not found where it runs',
  source: '6e2b2358b3ef ("KVM: Grab vcpu->mutex across installing the vCPU\'s fd and bumping online_vcpus")',
  size: '1 process of 2 tasks, 1 vCPU that is created and run',
  defends: ['lifetime.publish_vcpu_under_its_mutex'],
  *setup(): Task<ArmVm> {
    return createArmVm({ tasks: 2 });
  },
  threads: {
    *create({ process, kvm }: ArmVm) {
      yield* createArmVcpu(process, 1, kvm);
    },
    *run({ process, kvm }: ArmVm) {
      const file = yield* ioctlBegin(process, 1);
      if (typeof file === 'number') return file;
      yield* runArmVcpu(kvm);
      yield* ioctlEnd(file);
      return 0;
    },
  },
  always: { 'a vCPU that runs is online': never('BUG') },
  sometimes: {
    'it runs': ({ results }) => results.run === 0,
    'the descriptor is not there yet': ({ results }) => results.run === -9,
  },
});

/** The end of an invalidation finds the notifier gone: its begin stays counted for ever. */
export const endNotHeard = scenario('lifetime/invalidation-ends-unheard', {
  title: 'a VM ends between begin and end of an invalidation, and waits for the end',
  source: 'kvm_destroy_vm since 5.14',
  size: '1 process, 1 file of the VM that is closed, 1 page that the host takes away',
  defends: ['lifetime.reset_dangling_count', 'lifetime.wait_for_callbacks', 'lifetime.unregister_notifier'],
  *setup(): Task<ArmVm> {
    const vm = createArmVm({ levels: 2 });
    vm.mm.mmCount.poke(vm.mm.mmCount.peek() + 1);
    return vm;
  },
  threads: {
    *host({ mm }: ArmVm) {
      yield* tryToUnmap(mm, 0, 1);
      return true;
    },
    *close({ process }: ArmVm) {
      yield* closeFd(process, 0);
      return true;
    },
  },
  always: { 'the VM comes to its end': never('livelock'), [ALIVE]: never('use after free') },
  sometimes: { 'both do': ({ results: { host, close } }) => host === true && close === true },
});

/** User space has mapped kvm_run, as every VMM does. The mapping keeps the vCPU's file, and that the VM. */
function neverEnds(name: string, holdsUsers: boolean) {
  return scenario(name, {
    title: holdsUsers
      ? 'KVM is a user of the address space: neither of the two is ever gone'
      : 'all tasks have ended, and the VM or its address space is still there',
    source: 'kvm_create_vm: mmgrab, not mmget',
    size: `1 process of 2 tasks, 1 file that is open and mapped, ${holdsUsers ? 'mmget' : 'mmgrab'}`,
    ...(holdsUsers ? { expect: 'violated' as const } : {}),
    claims: [
      holdsUsers
        ? {
            seed: '004.19',
            says: 'A vCPU that held the mappings would be safe all the way',
            verdict: 'holds in part' as const,
            but: 'safe, and never torn down: the mapping of kvm_run keeps the VM, which keeps the mapping',
          }
        : {
            seed: '004.18',
            says: 'The cause is that KVM counts on the mm (mmgrab), not on its mappings (mmget)',
            verdict: 'holds in part' as const,
            but: 'exit_mmap() may run while the VM is there, but the vCPUs are gone by then: only the host still comes by',
          },
    ],
    *setup(): Task<ArmVm> {
      return createArmVm({ levels: 2, tasks: 2, mapsRun: true, holdsUsers });
    },
    threads: {
      *task0({ process }: ArmVm) {
        yield* doExit(process);
      },
      *task1({ process }: ArmVm) {
        yield* doExit(process);
      },
    },
    always: {
      'the memory is given back when all tasks have ended': (_, { frames }) =>
        frames.frame.at(0).refcount.peek() === 0,
    },
    sometimes: {},
  });
}

export const memoryNeverFreed = neverEnds('lifetime/memory-never-freed', false);
export const memoryNeverFreedMmget = neverEnds('lifetime/memory-never-freed-with-mmget', true);
