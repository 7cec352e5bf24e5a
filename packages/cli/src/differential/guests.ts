/** Small guests: the first program that everybody writes for the KVM API, and random ones that always halt. */
import type fc from 'fast-check';
import { PAGE } from './client.ts';
import type { Guest } from './guest.ts';

type FastCheck = typeof fc;

/** Adds two numbers below ten and prints the digit and a newline at the first serial port. */
export const HELLO_WORLD: Guest = {
  // mov dx, 0x3f8; add al, bl; add al, '0'; out dx, al; mov al, '\n'; out dx, al; hlt
  code: [0xba, 0xf8, 0x03, 0x00, 0xd8, 0x04, 0x30, 0xee, 0xb0, 0x0a, 0xee, 0xf4],
  registers: { ax: 2, bx: 2 },
};

/** A slot of the memory that guests run in. */
export interface Slot {
  readonly gpa: number;
  readonly pages: number;
  /** First page in the memory of the VMM. */
  readonly page: number;
  readonly readOnly: boolean;
}

/** Memory at 0, read-only memory at 64 KiB, memory that shares a page with it at 128 KiB; all else is nothing. */
export const LAYOUT: readonly Slot[] = [
  { gpa: 0, pages: 8, page: 0, readOnly: false },
  { gpa: 0x1_0000, pages: 2, page: 8, readOnly: true },
  { gpa: 0x2_0000, pages: 2, page: 9, readOnly: false },
];

const SEGMENTS = [0, 0x1000, 0x2000, 0x700, 0x3000, 0x1ff];

/** An instruction, or a loop of some. */
export type Piece = readonly number[];

/** Code that ends in HLT, whatever its data. */
export function guests(fc: FastCheck): fc.Arbitrary<Guest> {
  const registers = fc.record({
    ax: word(fc),
    bx: offset(fc),
    cx: word(fc),
    dx: fc.constantFrom(0x3f8, 0x60, 0xffff, 0),
    si: offset(fc),
    di: offset(fc),
    bp: offset(fc),
    ds: fc.constantFrom(...SEGMENTS),
    es: fc.constantFrom(...SEGMENTS),
  });
  const pieces = fc.array(piece(fc), { minLength: 1, maxLength: 14 });
  return fc
    .record({ pieces, registers })
    .map(({ pieces: all, registers: start }) => ({ code: [...all.flat(), 0xf4], registers: start }));
}

function piece(fc: FastCheck): fc.Arbitrary<Piece> {
  const one = instruction(fc);
  // A conditional jump over what follows, and a loop around it that nothing in it prolongs.
  const jump = fc
    .record({ condition: fc.nat({ max: 15 }), over: fc.array(one, { minLength: 1, maxLength: 3 }) })
    .map(({ condition, over }) => [0x70 | condition, over.flat().length, ...over.flat()]);
  const loop = fc
    .record({
      times: fc.integer({ min: 1, max: 3 }),
      body: fc.array(withoutCx(fc), { minLength: 1, maxLength: 3 }),
    })
    .map(({ times, body }) => {
      const bytes = body.flat();
      return [0xb9, times, 0, ...bytes, 0xe2, 0x100 - (bytes.length + 2)];
    });
  const call = one.map((body) => [0xe8, 2, 0, 0xeb, body.length + 1, ...body, 0xc3]);
  return fc.oneof(
    { weight: 12, arbitrary: one },
    { weight: 2, arbitrary: jump },
    { weight: 1, arbitrary: loop },
    { weight: 1, arbitrary: call },
  );
}

/** Register operands leave CX, and the stack pointer, alone. */
const FREE_WORDS = [0, 2, 3, 5, 6, 7];
const FREE_BYTES = [0, 2, 3, 4, 6, 7];

function instruction(fc: FastCheck): fc.Arbitrary<Piece> {
  return fc.oneof(
    { weight: 4, arbitrary: withoutCx(fc) },
    { weight: 1, arbitrary: fc.tuple(fc.constant(0xb9), byte(fc), byte(fc)) },
  );
}

function withoutCx(fc: FastCheck): fc.Arbitrary<Piece> {
  const memory = memoryOperand(fc);
  const wide = fc.constantFrom(0, 1);
  const withMemory = (opcodes: readonly number[]) =>
    fc
      .tuple(fc.constantFrom(...opcodes), fc.constantFrom(...FREE_WORDS), memory)
      .map(([opcode, reg, [modrm, ...rest]]) => {
        const number = (opcode & 1) === 0 ? FREE_BYTES[FREE_WORDS.indexOf(reg)] : reg;
        return [opcode, (modrm as number) | ((number as number) << 3), ...rest];
      });
  const alu = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((n) => [8 * n, 8 * n + 1, 8 * n + 2, 8 * n + 3]);
  const immediate = fc
    .tuple(wide, fc.nat({ max: 7 }), memory, byte(fc), byte(fc))
    .map(([w, n, [modrm, ...rest], low, high]) => [
      0x80 | w,
      (modrm as number) | (n << 3),
      ...rest,
      low,
      ...(w === 1 ? [high] : []),
    ]);
  const movImmediate = fc
    .tuple(wide, memory, byte(fc), byte(fc))
    .map(([w, operand, low, high]) => [0xc6 | w, ...operand, low, ...(w === 1 ? [high] : [])]);
  const unary = fc
    .tuple(fc.constantFrom(0xfe, 0xff), fc.nat({ max: 1 }), memory)
    .map(([opcode, n, [modrm, ...rest]]) => [opcode, (modrm as number) | (n << 3), ...rest]);
  const negate = fc
    .tuple(fc.constantFrom(0xf6, 0xf7), fc.constantFrom(2, 3), memory)
    .map(([opcode, n, [modrm, ...rest]]) => [opcode, (modrm as number) | (n << 3), ...rest]);
  const ports = fc.oneof(
    fc.tuple(fc.constantFrom(0xe4, 0xe5, 0xe6, 0xe7), byte(fc)),
    fc.constantFrom([0xec], [0xed], [0xee], [0xef]),
  );
  return fc.oneof(
    { weight: 5, arbitrary: withMemory([0x88, 0x89, 0x8a, 0x8b]) },
    { weight: 3, arbitrary: withMemory(alu) },
    { weight: 1, arbitrary: withMemory([0x84, 0x85]) },
    { weight: 2, arbitrary: immediate },
    { weight: 2, arbitrary: movImmediate },
    { weight: 1, arbitrary: fc.oneof(unary, negate) },
    { weight: 3, arbitrary: ports },
    { weight: 2, arbitrary: plain(fc) },
    { weight: 1, arbitrary: prefixed(fc, withMemory([0x88, 0x89, 0x8a, 0x8b])) },
  );
}

/** Instructions of registers alone, strings, and the stack. */
function plain(fc: FastCheck): fc.Arbitrary<Piece> {
  const strings = fc.constantFrom([0xa4], [0xa5], [0xaa], [0xab], [0xac], [0xad], [0xfc], [0xfd]);
  const flags = fc.constantFrom([0xf8], [0xf9]);
  const registers = fc
    .tuple(fc.constantFrom(0x40, 0x48), fc.constantFrom(...FREE_WORDS))
    .map(([opcode, reg]) => [opcode | reg]);
  const stack = fc
    .tuple(fc.constantFrom(...FREE_WORDS), fc.constantFrom(...FREE_WORDS))
    .map(([from, to]) => [0x50 | from, 0x58 | to]);
  const moves = fc
    .tuple(fc.constantFrom(...FREE_WORDS), offset(fc))
    .map(([reg, value]) => [0xb8 | reg, value & 0xff, value >> 8]);
  const accumulator = fc.tuple(fc.nat({ max: 7 }), byte(fc)).map(([n, value]) => [8 * n + 4, value]);
  const segment = fc
    .tuple(fc.constantFrom(0, 3), fc.constantFrom(...SEGMENTS))
    .map(([to, value]) => [0xb8, value & 0xff, value >> 8, 0x8e, 0xc0 | (to << 3)]);
  return fc.oneof(strings, flags, registers, stack, moves, accumulator, segment);
}

function prefixed(fc: FastCheck, arbitrary: fc.Arbitrary<Piece>): fc.Arbitrary<Piece> {
  return fc.tuple(fc.constantFrom(0x26, 0x3e), arbitrary).map(([prefix, rest]) => [prefix, ...rest]);
}

/** ModRM without its register, and the displacement: an address alone, or a base with a byte beside it. */
function memoryOperand(fc: FastCheck): fc.Arbitrary<number[]> {
  const absolute = offset(fc).map((at) => [0x06, at & 0xff, at >> 8]);
  // Not by BP, which addresses the stack.
  const based = fc
    .tuple(fc.constantFrom(0, 1, 4, 5, 7), fc.constantFrom(0, 1, 2, 0x7f, 0xff))
    .map(([base, by]) => [0x40 | base, by]);
  return fc.oneof({ weight: 3, arbitrary: absolute }, { weight: 1, arbitrary: based });
}

/** Ends of pages, and places inside. */
function offset(fc: FastCheck): fc.Arbitrary<number> {
  return fc.constantFrom(0, 1, 8, 0x10, PAGE - 1, PAGE, 2 * PAGE - 1, 0x1ffe, 0x7fff, 0x7ffe, 0x8000, 0x9000);
}

const byte = (fc: FastCheck): fc.Arbitrary<number> => fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x5a);
const word = (fc: FastCheck): fc.Arbitrary<number> => fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xffff, 0x1234);
