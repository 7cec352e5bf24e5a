/**
 * @area lifetime
 *
 * Processes: an address space, a table of files that their tasks share, and what ends them. Each file of a VM, its own and those of its
 * vCPUs, keeps the VM; whoever is inside an ioctl keeps the file.
 *
 * Simpler than the kernel: a spinlock guards the table where the kernel reads it inside RCU.
 */
import {
  array,
  bugOn,
  type Cell,
  cell32,
  type Elements,
  guardedBy,
  ptr,
  type SpinLock,
  type StructType,
  spinlock,
  struct,
  type Task,
  type View,
} from '@faultline/machine';
import { kvmGetKvm, kvmPutKvm } from '../arm64/destroy-vm.ts';
import { ArmKvm, ArmVcpu, UserMm } from '../arm64/state.ts';
import { EBADF, EIO } from '../errno.ts';
import { mmput } from './user-mm.ts';

/** @kernel struct file include/linux/fs.h */
export interface KvmFile extends View {
  readonly fCount: Cell<number>;
  kvm: ArmKvm | null;
}
export const KvmFile: StructType<KvmFile> = struct(
  'kvm_file',
  { fCount: cell32, kvm: ptr((): StructType<ArmKvm> => ArmKvm) },
  { as: 'file' },
);

const MAX_FDS = 3;

/** What the tasks of a process share. @kernel struct files_struct include/linux/fdtable.h */
export interface Process extends View {
  mm: UserMm | null;
  readonly fileLock: SpinLock;
  readonly fd: Elements<KvmFile | null>;
  /** Tasks that share the table. */
  readonly filesCount: Cell<number>;
  /** The file that a mapping of the address space keeps: the page that KVM_RUN shares with user space. */
  mapped: KvmFile | null;
  /** A fatal signal is pending for all of its tasks. @kernel SIGNAL_GROUP_EXIT include/linux/sched/signal.h */
  readonly killed: Cell<number>;
}
export const Process: StructType<Process> = struct(
  'process',
  {
    mm: ptr((): StructType<UserMm> => UserMm),
    fileLock: spinlock,
    fd: array(
      guardedBy(
        ptr((): StructType<KvmFile> => KvmFile),
        'files->file_lock',
      ),
      MAX_FDS,
    ),
    mapped: ptr((): StructType<KvmFile> => KvmFile),
    filesCount: cell32,
    killed: cell32,
  },
  { as: 'files' },
);

/** For set-up: a process of `tasks` tasks in `mm`. */
export function allocProcess(mm: UserMm, tasks: number): Process {
  const process = Process.alloc();
  process.mm = mm;
  process.filesCount.poke(tasks);
  return process;
}

/** For set-up: a file that keeps the VM, as `fd` of the process. */
export function installFile(process: Process, fd: number, kvm: ArmKvm): KvmFile {
  const file = KvmFile.alloc();
  file.fCount.poke(1);
  file.kvm = kvm;
  kvm.usersCount.poke(kvm.usersCount.peek() + 1);
  process.fd.set(fd, file);
  return file;
}

/** The file of another process, as after SCM_RIGHTS or fork. For set-up. */
export function shareFile(process: Process, fd: number, file: KvmFile): void {
  file.fCount.poke(file.fCount.peek() + 1);
  process.fd.set(fd, file);
}

/** For set-up: mmap() of the file. */
export function mapFile(process: Process, file: KvmFile): void {
  file.fCount.poke(file.fCount.peek() + 1);
  process.mapped = file;
}

/** Begins an ioctl on a file of a VM: the file to end it with, or a negative errno. @kernel kvm_vm_ioctl, kvm_vcpu_ioctl virt/kvm/kvm_main.c */
export function* ioctlBegin(process: Process, fd: number): Task<KvmFile | number> {
  const file = yield* fdget(process, fd);
  if (file === null) return -EBADF;
  // Only tasks of the VM's own address space: they keep its mappings, and its notifier tells of changes to those.
  check_mm: if ((file.kvm as ArmKvm).mm !== process.mm) {
    yield* ioctlEnd(file);
    return -EIO;
  }
  return file;
}

/** @kernel fdput include/linux/file.h */
export function* ioctlEnd(file: KvmFile): Task {
  hold_file: yield* fput(file);
}

/** @kernel fdget include/linux/file.h */
function* fdget(process: Process, fd: number): Task<KvmFile | null> {
  yield* process.fileLock.lock();
  const file = process.fd.get(fd);
  hold_file: if (file !== null) yield* file.fCount.fetchAdd(1);
  yield* process.fileLock.unlock();
  return file;
}

/** @kernel fput fs/file_table.c */
function* fput(file: KvmFile): Task {
  if ((yield* file.fCount.fetchAdd(-1 >>> 0)) !== 1) return;
  const kvm = file.kvm as ArmKvm;
  KvmFile.free(file);
  yield* kvmPutKvm(kvm);
}

/** @kernel close fs/open.c */
export function* closeFd(process: Process, fd: number): Task {
  yield* process.fileLock.lock();
  const file = process.fd.get(fd);
  process.fd.set(fd, null);
  yield* process.fileLock.unlock();
  if (file !== null) yield* fput(file);
}

/** One task ends; with the last one the address space goes, and then the files. @kernel do_exit kernel/exit.c */
export function* doExit(process: Process): Task {
  const last = yield* mmput(process.mm as UserMm);
  if (last && process.mapped !== null) yield* fput(process.mapped);
  if ((yield* process.filesCount.fetchAdd(-1 >>> 0)) !== 1) return;
  for (let fd = 0; fd < MAX_FDS; fd++) yield* closeFd(process, fd);
}

/** @kernel do_group_exit kernel/exit.c */
export function* killGroup(process: Process): Task {
  yield* process.killed.writeOnce(1);
}

/** @kernel signal_pending include/linux/sched/signal.h */
export function* fatalSignalPending(process: Process): Task<boolean> {
  return (yield* process.killed.readOnce()) === 1;
}

/** A file that another keeps the VM by, as `fd`: a device, or a vCPU. @kernel anon_inode_getfd fs/anon_inodes.c */
export function* installNewFile(process: Process, fd: number, kvm: ArmKvm): Task {
  const file = KvmFile.alloc();
  file.kvm = kvm;
  yield* file.fCount.writeOnce(1);
  yield* process.fileLock.lock();
  process.fd.set(fd, file);
  yield* process.fileLock.unlock();
}

/** Other tasks know which descriptor comes next, and may close it at once. @kernel kvm_ioctl_create_device virt/kvm/kvm_main.c */
export function* createDevice(process: Process, fd: number, kvm: ArmKvm): Task {
  yield* kvmGetKvm(kvm);
  yield* installNewFile(process, fd, kvm);
}

/** Its file can be used before it is counted, and waits then. @kernel kvm_vm_ioctl_create_vcpu virt/kvm/kvm_main.c */
export function* createArmVcpu(process: Process, fd: number, kvm: ArmKvm): Task {
  const vcpu = ArmVcpu.alloc();
  vcpu.kvm = kvm;
  yield* kvm.lock.lock();
  yield* kvmGetKvm(kvm);
  kvm.vcpus.set(0, vcpu);
  publish_vcpu_under_its_mutex: yield* vcpu.mutex.lock();
  yield* installNewFile(process, fd, kvm);
  yield* kvm.onlineVcpus.storeRelease(1);
  publish_vcpu_under_its_mutex: yield* vcpu.mutex.unlock();
  yield* kvm.lock.unlock();
}

/** The vCPU looks itself up, as code does that walks over all of them. @kernel kvm_arch_vcpu_ioctl_run virt/kvm/arm/arm.c */
export function* runArmVcpu(kvm: ArmKvm): Task {
  const vcpu = kvm.vcpus.get(0) as ArmVcpu;
  yield* vcpu.mutex.lock();
  const online = yield* kvm.onlineVcpus.loadAcquire();
  bugOn(online === 0, 'kvm_get_vcpu() finds no vCPU where one runs');
  yield* vcpu.mutex.unlock();
}
