/** The registers of a processor in real mode, and the operands that a ModRM byte names. */
import type { Eight, Registers } from './client.ts';

/** Registers by number. */
export const Reg = { AX: 0, CX: 1, DX: 2, BX: 3, SP: 4, BP: 5, SI: 6, DI: 7 } as const;
/** Segments by number. */
export const Seg = { ES: 0, CS: 1, SS: 2, DS: 3 } as const;

/** Memory and ports, as the processor reaches them. Each may end in an exit to user space, and goes on after it. */
export interface Bus {
  load(linear: number, size: number): Generator<number, number, void>;
  store(linear: number, size: number, value: number): Generator<number, void, void>;
  in(port: number, size: number): Generator<number, number, void>;
  out(port: number, size: number, value: number): Generator<number, void, void>;
  halt(): Generator<number, void, void>;
}

/** What the interpreter does not do: the guest is not compared. */
export class NotInterpreted extends Error {
  override name = 'NotInterpreted';
}

export class Processor {
  /** AX CX DX BX SP BP SI DI */
  readonly words = new Uint16Array(8);
  /** ES CS SS DS */
  readonly segments = new Uint16Array(4);
  ip = 0;
  flags = 0;

  set(registers: Registers): void {
    const { ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds } = registers;
    this.words.set([ax, cx, dx, bx, sp, bp, si, di]);
    this.segments.set([es, cs, ss, ds]);
    this.ip = registers.ip;
    this.flags = registers.flags;
  }

  get(): Registers {
    const [ax, cx, dx, bx, sp, bp, si, di] = this.words as unknown as Eight;
    const [es, cs, ss, ds] = this.segments as unknown as [number, number, number, number];
    return { ax, bx, cx, dx, si, di, sp, bp, ip: this.ip, flags: this.flags, cs, ds, es, ss };
  }

  /** Of one byte: AL CL DL BL AH CH DH BH. */
  register(number: number, size: number): number {
    if (size === 2) return this.words[number] as number;
    const word = this.words[number & 3] as number;
    return number < 4 ? word & 0xff : word >> 8;
  }

  setRegister(number: number, size: number, value: number): void {
    if (size === 2) {
      this.words[number] = value;
      return;
    }
    const word = this.words[number & 3] as number;
    this.words[number & 3] = number < 4 ? (word & 0xff00) | value : (word & 0xff) | (value << 8);
  }

  /** Linear address of an offset in a segment. Throws NotInterpreted where the limit is crossed, which is a fault. */
  linear(segment: number, offset: number, size: number): number {
    if (offset + size > 0x10000) throw new NotInterpreted('an access across the end of a segment');
    return (this.segments[segment] as number) * 16 + offset;
  }
}

/** An operand: a register, or memory at an offset in a segment. */
export type Operand = { readonly register: number } | { readonly segment: number; readonly offset: number };

const BASES: readonly (readonly number[])[] = [
  [Reg.BX, Reg.SI],
  [Reg.BX, Reg.DI],
  [Reg.BP, Reg.SI],
  [Reg.BP, Reg.DI],
  [Reg.SI],
  [Reg.DI],
  [Reg.BP],
  [Reg.BX],
];

/** How many bytes of displacement follow a ModRM byte. */
export function displacementBytes(modrm: number): number {
  const mod = modrm >> 6;
  if (mod === 3) return 0;
  if (mod === 0) return (modrm & 7) === 6 ? 2 : 0;
  return mod;
}

/** The operand that mod and rm name. `override`: the segment of a prefix. */
export function operandOf(
  cpu: Processor,
  modrm: number,
  displacement: number,
  override: number | null,
): Operand {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  if (mod === 3) return { register: rm };
  const absolute = mod === 0 && rm === 6;
  const bases = absolute ? [] : (BASES[rm] as readonly number[]);
  const offset = bases.reduce((total, base) => total + (cpu.words[base] as number), displacement) & 0xffff;
  const ordinary = bases.includes(Reg.BP) ? Seg.SS : Seg.DS;
  return { segment: override ?? ordinary, offset };
}

/** Sign-extends a byte to a word. */
export const signed = (byte: number): number => (byte < 0x80 ? byte : byte | 0xff00);
