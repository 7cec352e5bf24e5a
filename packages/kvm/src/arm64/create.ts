/** A VM of arm64 and the process that has made it, for set-up. */
import { allocProcess, installFile, type KvmFile, mapFile, type Process } from '../host/process.ts';
import { allocUserMm } from '../host/user-mm.ts';
import { type ArmRegion, addSlot } from './memory-region.ts';
import { allocStage2Pgd } from './stage2-pgd.ts';
import { ArmKvm, ArmSlots, ArmVcpu, HostFrames, type UserMm } from './state.ts';

export interface ArmVmOptions {
  /** Tasks of the process that owns the VM. */
  readonly tasks?: number;
  /** Pages of user space; the first `pages` frames are theirs, or with an offset. */
  readonly pages?: number;
  readonly vcpus?: number;
  readonly levels?: number;
  readonly indexBits?: number;
  readonly mayYield?: boolean;
  readonly hugePages?: boolean;
  readonly hardwareAf?: boolean;
  /** As if KVM were a user of the address space: mmget() where it calls mmgrab(). */
  readonly holdsUsers?: boolean;
  /** User space has mapped the vCPU's kvm_run, as every VMM does. */
  readonly mapsRun?: boolean;
  /** One slot of all pages from frame 0 on when left out. */
  readonly slots?: readonly ArmRegion[];
}

export interface ArmVm {
  readonly kvm: ArmKvm;
  readonly mm: UserMm;
  readonly process: Process;
  /** The VM's own file, at descriptor 0. */
  readonly file: KvmFile;
  readonly frames: HostFrames;
}

/** The VM's file is descriptor 0 of its process; nothing is mapped. @kernel kvm_create_vm virt/kvm/kvm_main.c */
export function createArmVm(options: ArmVmOptions = {}): ArmVm {
  const pages = options.pages ?? 2;
  const frames = HostFrames.alloc();
  const mm = allocUserMm(frames, options.tasks ?? 1, pages, 0);
  mm.hugePages = options.hugePages === true ? 1 : 0;
  const kvm = ArmKvm.alloc();
  kvm.mm = mm;
  kvm.levels = options.levels ?? 3;
  kvm.indexBits = options.indexBits ?? 1;
  kvm.mayYield = options.mayYield === true ? 1 : 0;
  kvm.hardwareAf = options.hardwareAf === true ? 1 : 0;
  kvm.srcu.init('abstract', 1);
  keepMm(kvm, mm, options.holdsUsers === true);
  mm.notifier.poke(kvm);
  const slots = ArmSlots.alloc();
  for (const region of options.slots ?? [{ id: 0, baseGfn: 0, npages: pages, page: 0 }]) {
    addSlot(slots, region);
  }
  kvm.slots.poke(slots);
  kvm.vcpuCount = options.vcpus ?? 0;
  for (let i = 0; i < kvm.vcpuCount; i++) {
    const vcpu = ArmVcpu.alloc();
    vcpu.kvm = kvm;
    kvm.vcpus.set(i, vcpu);
  }
  allocStage2Pgd(kvm);
  const process = allocProcess(mm, options.tasks ?? 1);
  const file = installFile(process, 0, kvm);
  if (options.mapsRun === true) mapFile(process, file);
  return { kvm, mm, process, file, frames };
}

/** mmgrab(), and where it is asked for mmget() as well. */
export function keepMm(kvm: ArmKvm, mm: UserMm, holdsUsers: boolean): void {
  mm.mmCount.poke(mm.mmCount.peek() + 1);
  if (!holdsUsers) return;
  kvm.holdsUsers = 1;
  mm.mmUsers.poke(mm.mmUsers.peek() + 1);
}
