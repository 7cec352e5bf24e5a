/** What a guest of the model runs: loads, stores, port I/O and HLT, two words an instruction. */
import type { GuestProgram as Program } from '../virt/kvm.ts';
import { GuestProgram } from '../virt/kvm.ts';

export type Instruction =
  | { readonly op: 'load'; readonly gpa: number; readonly size?: number }
  | { readonly op: 'store'; readonly gpa: number; readonly value: bigint; readonly size?: number }
  | { readonly op: 'in'; readonly port: number; readonly size?: number }
  | { readonly op: 'out'; readonly port: number; readonly value: bigint; readonly size?: number }
  /** Hypercall EVTCHNOP_send of a Xen guest, on this port. */
  | { readonly op: 'evtchn-send'; readonly port: number }
  | { readonly op: 'hlt' };

const OPCODES = ['hlt', 'load', 'store', 'in', 'out', 'evtchn-send'] as const;

/** An instruction as the vCPU sees it. */
export interface Decoded {
  readonly op: (typeof OPCODES)[number];
  readonly address: number;
  readonly size: number;
  readonly value: bigint;
}

/** Puts a program where a vCPU can run it. */
export function assemble(instructions: readonly Instruction[]): Program {
  const program = GuestProgram.alloc(instructions.length * 16);
  program.length = instructions.length;
  instructions.forEach((instruction, i) => {
    patch(program, i, instruction);
  });
  return program;
}

/** Replaces instruction `i` of a program that no vCPU is running. */
export function patch(program: Program, i: number, instruction: Instruction): void {
  const [first, second] = encode(instruction);
  program.words.at(2 * i).poke(first);
  program.words.at(2 * i + 1).poke(second);
}

/** The instruction at `rip`; HLT beyond the end. Programs do not change while they run. */
export function fetch(program: Program, rip: number): Decoded {
  if (rip >= program.length) return { op: 'hlt', address: 0, size: 0, value: 0n };
  const first = program.words.at(2 * rip).peek();
  return {
    op: OPCODES[Number(first & 0xffn)] as Decoded['op'],
    size: Number((first >> 8n) & 0xffn),
    address: Number(first >> 16n),
    value: program.words.at(2 * rip + 1).peek(),
  };
}

function encode(instruction: Instruction): [bigint, bigint] {
  const op = BigInt(OPCODES.indexOf(instruction.op));
  if (instruction.op === 'hlt') return [op, 0n];
  const size = BigInt('size' in instruction ? (instruction.size ?? 8) : 8);
  const address = BigInt('port' in instruction ? instruction.port : instruction.gpa);
  return [op | (size << 8n) | (address << 16n), 'value' in instruction ? instruction.value : 0n];
}
