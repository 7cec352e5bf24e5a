/**
 * Seed 004: can kvm->arch.pgd be gone when one of its callers walks it? Each call path of the mail against each of the two ways in
 * which the tables are freed, one scenario a pair.
 */

import { gfn } from '@faultline/kvm';
import {
  type ArmVm,
  allocProcess,
  allocUserMm,
  closeFd,
  createArmVm,
  doExit,
  handleGuestAbort,
  ioctlBegin,
  ioctlEnd,
  type Process,
  shareFile,
} from '@faultline/kvm/seams';
import { type AnyScenario, never, scenario, type Task } from '@faultline/machine';
import { claimsOf } from './audit-claims.ts';
import { AUDIT_PATHS, type AuditPath } from './audit-paths.ts';

export const CLOSE = 'the last fd is closed';
export const EXIT = 'exit_mmap, with the fd open elsewhere';
export const SAFE = 'no table is walked that is gone';
export const ATOMIC = 'no notifier sleeps under a spinlock';
export const ALIVE = 'nothing is used that was freed';

/** Why a pair is safe. The steps that say so are what the scenario defends. */
const BECAUSE = {
  ioctl: {
    [CLOSE]: 'the ioctl keeps its file, and the file keeps the VM: the last reference is put after the ioctl',
    [EXIT]: 'the task inside the ioctl is a user of the mm, and a task of another mm gets -EIO',
  },
  notifier: {
    [CLOSE]: 'pgd is looked at under mmu_lock, and the VM is freed after the callbacks under way',
    [EXIT]: 'pgd is looked at under mmu_lock, under which it is cleared',
  },
} as const;

/** The VM, and a process that was given its file. */
export interface AuditVm extends ArmVm {
  readonly other: Process;
}

/** `tasks` tasks; page 0 is mapped, and was written, and so is page 1 of where the walk crosses to another entry of the pgd. */
export function* auditVm(path: Pick<AuditPath, 'vm'>, tasks: number, shared: boolean): Task<AuditVm> {
  const vm = createArmVm({ ...path.vm, tasks });
  const otherMm = allocUserMm(vm.frames, 1, 1, 14);
  const other = allocProcess(otherMm, 1);
  if (shared) shareFile(other, 0, vm.file);
  for (const at of path.vm?.mayYield === true ? [0, 2] : [0]) {
    if (path.vm?.hugePages !== true) {
      yield* handleGuestAbort(vm.kvm, vm.mm, { gfn: gfn(at), write: true, accessFlag: false });
    }
  }
  // Whoever finds pages by their frames keeps the structure.
  vm.mm.mmCount.poke(vm.mm.mmCount.peek() + 1);
  return { ...vm, other };
}

/** One ioctl that takes the path; its error, or 'done'. */
function* throughIoctl(process: Process, vm: AuditVm, path: AuditPath): Task<number | string> {
  const file = yield* ioctlBegin(process, 0);
  if (typeof file === 'number') return file;
  yield* path.drive(vm);
  yield* ioctlEnd(file);
  return 'done';
}

function ioctlAgainstClose(path: AuditPath): AnyScenario {
  return scenario(`arm64/${path.name}-after-close`, {
    ...words(path, CLOSE),
    size: '1 process of 2 tasks, 1 file of the VM',
    defends: ['lifetime.hold_file'],
    *setup() {
      return yield* auditVm(path, 2, false);
    },
    threads: {
      *ioctl(vm: AuditVm) {
        return yield* throughIoctl(vm.process, vm, path);
      },
      *close(vm: AuditVm) {
        yield* closeFd(vm.process, 0);
      },
    },
    always: { [ALIVE]: never('use after free') },
    sometimes: {
      'the ioctl has begun': ({ results }) => results.ioctl === 'done',
      'it comes too late': ({ results }) => results.ioctl === -9,
    },
  });
}

function ioctlAgainstExit(path: AuditPath): AnyScenario {
  return scenario(`arm64/${path.name}-after-free`, {
    ...words(path, EXIT),
    size: '1 process of 2 tasks that end, 1 of another mm with the same file',
    defends: ['lifetime.check_mm', 'lifetime.release_before_unmapping', ...(path.defends ?? [])],
    *setup() {
      return yield* auditVm(path, 2, true);
    },
    threads: {
      *ioctl(vm: AuditVm) {
        const done = yield* throughIoctl(vm.process, vm, path);
        yield* doExit(vm.process);
        return done;
      },
      *exit(vm: AuditVm) {
        yield* doExit(vm.process);
      },
      *elsewhere(vm: AuditVm) {
        return yield* throughIoctl(vm.other, vm, path);
      },
    },
    always: {
      [SAFE]: never('BUG'),
      'the tables are freed with the address space': (_, { kvm }) => kvm.pgd.peek() === null,
    },
    sometimes: {
      'the ioctl is done': ({ results }) => results.ioctl === 'done',
      'the other process is refused': ({ results }) => results.elsewhere === -5,
    },
  });
}

function notifierAgainst(path: AuditPath, against: typeof CLOSE | typeof EXIT): AnyScenario {
  const exit = against === EXIT;
  return scenario(`arm64/${path.name}-after-${exit ? 'free' : 'close'}`, {
    ...words(path, against),
    size: exit ? '1 process of 1 task that ends, its file open in another' : '1 process, 1 file of the VM',
    defends: exit
      ? ['arm64.hide_before_free', 'arm64.lock_free', ...(path.defends ?? [])]
      : ['lifetime.wait_for_callbacks', ...(path.defends ?? [])],
    *setup() {
      return yield* auditVm(path, 1, exit);
    },
    threads: {
      *host(vm: AuditVm) {
        return yield* path.drive(vm);
      },
      *teardown(vm: AuditVm) {
        if (exit) yield* doExit(vm.process);
        else yield* closeFd(vm.process, 0);
        return true;
      },
    },
    always: {
      [SAFE]: never('BUG'),
      [ALIVE]: never('use after free'),
      ...(path.name === 'changed-pte'
        ? { [ATOMIC]: never('sleeping function called from invalid context') }
        : {}),
    },
    sometimes: { 'both come to their end': ({ results }) => results.teardown === true },
  });
}

function words(path: AuditPath, against: typeof CLOSE | typeof EXIT) {
  return {
    title: `${path.path}: ${against}`,
    source: 'kvm_free_stage2_pgd, 4.13',
    audit: { path: path.path, against, safeBecause: BECAUSE[path.context][against] },
    claims: claimsOf(path.name, against === EXIT),
  };
}

export const auditScenarios: readonly AnyScenario[] = AUDIT_PATHS.flatMap((path) =>
  path.context === 'ioctl'
    ? [ioctlAgainstClose(path), ioctlAgainstExit(path)]
    : [notifierAgainst(path, CLOSE), notifierAgainst(path, EXIT)],
);
