/** Running a guest, whoever runs it: the same registers, the same answers, and every exit written down. */
import { errnoName } from '@faultline/kvm';
import { type Exit, NO_REGISTERS, PAGE, type Registers, type VcpuClient, type VmClient } from './client.ts';

/** Where guests have their code, and behind it a stack: a slot of its own, in the last pages of the memory. */
export const CODE = { slot: 500, gpa: 0xe0000, page: 64, pages: 2 } as const;

/** A guest that leaves so often does not end. */
const MAX_EXITS = 400;

export interface Guest {
  readonly code: readonly number[];
  readonly registers?: Partial<Registers>;
}

/** What user space saw of a guest. */
export interface Seen {
  /** One line an exit. The last is HLT, or why it went no further. */
  readonly exits: readonly string[];
  /** Of the last KVM_RUN. */
  readonly result: number;
  /** At the end, if it halted. */
  readonly registers: Registers | null;
  /** Why it cannot be compared: the interpreter does not follow it. */
  readonly unfollowed?: string;
}

/** Puts the slot for code where guests expect it. */
export function addCodeSlot(vm: VmClient): number {
  return vm.setUserMemoryRegion({
    slot: CODE.slot,
    flags: 0,
    guestPhysAddr: BigInt(CODE.gpa),
    memorySize: BigInt(CODE.pages * PAGE),
    userspaceAddr: BigInt(CODE.page * PAGE),
    inMemory: true,
  });
}

export function runGuest(vm: VmClient, vcpu: VcpuClient, { code, registers }: Guest): Seen {
  vm.memory.set(code, CODE.page * PAGE);
  const cs = CODE.gpa >> 4;
  vcpu.setRegisters({ ...NO_REGISTERS, cs, ss: cs + PAGE / 16, sp: PAGE, ...registers });
  const exits: string[] = [];
  const ended = (result: number, end: Registers | null) => ({ exits, result, registers: end });
  try {
    while (exits.length < MAX_EXITS) {
      const result = vcpu.run();
      if (result < 0) {
        exits.push(errnoName(result));
        return ended(result, null);
      }
      const exit = vcpu.exit();
      exits.push(exitText(exit));
      if (exit.reason === 'HLT') return ended(0, vcpu.registers());
      if (exit.reason !== 'IO' && exit.reason !== 'MMIO') return ended(0, null);
      const asks = exit.reason === 'IO' ? !exit.out : !exit.isWrite;
      if (asks) vcpu.answer(answerFor(exit, exits.length));
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'NotInterpreted')
      return { ...ended(0, null), unfollowed: error.message };
    if (error instanceof Error && error.name === 'NeverReturns') exits.push('never returns');
    else throw error;
  }
  return ended(0, null);
}

/** Any value does, as long as both sides give it. */
function answerFor(exit: Exit, n: number): bigint {
  const at = exit.reason === 'IO' ? BigInt(exit.port) : exit.reason === 'MMIO' ? exit.physAddr : 0n;
  return ((at + 1n) * 0x9e37_79b1n + BigInt(n) * 0x85eb_ca77n) & 0xffff_ffffn;
}

/** 'IO out 1 byte at port 0x3f8: 0x34', 'MMIO read of 2 bytes at 0x9000'. */
export function exitText(exit: Exit): string {
  switch (exit.reason) {
    case 'IO': {
      const what = `IO ${exit.out ? 'out' : 'in'}, ${bytes(exit.size)} at port ${hex(exit.port)}`;
      const count = exit.count === 1 ? '' : `, ${exit.count} times`;
      return exit.out ? `${what}${count}: ${hex(exit.data)}` : what + count;
    }
    case 'MMIO': {
      const what = `MMIO ${exit.isWrite ? 'write' : 'read'}, ${bytes(exit.len)} at ${hex(exit.physAddr)}`;
      return exit.isWrite ? `${what}: ${hex(exit.data)}` : what;
    }
    case 'INTERNAL_ERROR':
      return `INTERNAL_ERROR, suberror ${exit.suberror}`;
    case 'OTHER':
      return `exit reason ${exit.number}`;
    default:
      return exit.reason;
  }
}

export const hex = (n: number | bigint): string => `0x${n.toString(16)}`;
const bytes = (n: number): string => (n === 1 ? '1 byte' : `${n} bytes`);
