/** A guest that stores to random pages, and the VMM thread that runs it: KVM_RUN until it halts, then the next program. */
import { assemble, type GuestProgram, KvmExit, PAGE_SIZE, patch, type Vcpu, vcpuRun } from '@faultline/kvm';
import type { Task } from '@faultline/machine';
import { type Harvested, makeRoom } from './harvest.ts';

/** Room for `stores` stores and a HLT. */
export function writerProgram(stores: number): GuestProgram {
  return assemble([
    ...Array.from({ length: stores }, () => ({ op: 'store', gpa: 0, value: 0n }) as const),
    { op: 'hlt' },
  ]);
}

/** Store `i` of the program: `value` to the first 8 bytes of `page`. */
export function setStore(program: GuestProgram, i: number, page: number, value: bigint): void {
  patch(program, i, { op: 'store', gpa: page * PAGE_SIZE, value });
}

/** Runs the program to its HLT; a full ring is emptied on the way. Throws if it ends otherwise. */
export function* runToHalt(machine: Harvested, vcpu: Vcpu, program: GuestProgram): Task {
  vcpu.program = program;
  vcpu.rip = 0;
  for (;;) {
    const result = yield* vcpuRun(vcpu);
    const reason = vcpu.run.exitReason;
    if (result !== 0) throw new Error(`KVM_RUN returned ${result}`);
    if (reason === KvmExit.HLT) return;
    if (reason !== KvmExit.DIRTY_RING_FULL) throw new Error(`the guest left with exit reason ${reason}`);
    yield* makeRoom(machine);
  }
}

/** What the guest finds in the page, by one load. */
export function* loadPage(machine: Harvested, vcpu: Vcpu, program: GuestProgram, page: number): Task<bigint> {
  patch(program, 0, { op: 'load', gpa: page * PAGE_SIZE });
  patch(program, 1, { op: 'hlt' });
  yield* runToHalt(machine, vcpu, program);
  return vcpu.rax;
}
