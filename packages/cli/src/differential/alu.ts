/** Arithmetic of 8 and 16 bits with the flags that a processor leaves. */

/** Bits of the flags register. */
export const Flag = { CF: 1, PF: 4, AF: 0x10, ZF: 0x40, SF: 0x80, DF: 0x400, OF: 0x800 } as const;

/** In the order of their opcodes: operation n is opcode 8n and, with an immediate, /n of 80 to 83. */
export const OPERATIONS = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Sum {
  readonly value: number;
  readonly flags: number;
}

/** `size`: bytes, 1 or 2. Flags that the operation does not define stay as hardware leaves them. */
export function arithmetic(operation: Operation, a: number, b: number, size: number, flags: number): Sum {
  const carry = (operation === 'adc' || operation === 'sbb') && (flags & Flag.CF) !== 0 ? 1 : 0;
  switch (operation) {
    case 'add':
    case 'adc':
      return sum(a, b, carry, size, flags);
    case 'sub':
    case 'sbb':
    case 'cmp':
      return difference(a, b, carry, size, flags);
    case 'and':
      return logical(a & b, size, flags);
    case 'or':
      return logical(a | b, size, flags);
    case 'xor':
      return logical(a ^ b, size, flags);
  }
}

/** INC and DEC leave the carry alone. */
export function step(by: 1 | -1, a: number, size: number, flags: number): Sum {
  const { value, flags: all } = by === 1 ? sum(a, 1, 0, size, flags) : difference(a, 1, 0, size, flags);
  return { value, flags: (all & ~Flag.CF) | (flags & Flag.CF) };
}

function sum(a: number, b: number, carry: number, size: number, flags: number): Sum {
  const whole = a + b + carry;
  const value = whole & maskOf(size);
  const overflow = (~(a ^ b) & (a ^ value) & signOf(size)) !== 0;
  return { value, flags: combined(flags, value, size, whole > maskOf(size), a ^ b ^ value, overflow) };
}

function difference(a: number, b: number, borrow: number, size: number, flags: number): Sum {
  const value = (a - b - borrow) & maskOf(size);
  const overflow = ((a ^ b) & (a ^ value) & signOf(size)) !== 0;
  return { value, flags: combined(flags, value, size, a < b + borrow, a ^ b ^ value, overflow) };
}

/** No carry and no overflow; the adjust flag is undefined, and found clear. */
export function logical(value: number, size: number, flags: number): Sum {
  return { value, flags: combined(flags, value, size, false, 0, false) };
}

function combined(
  before: number,
  value: number,
  size: number,
  carry: boolean,
  halves: number,
  overflow: boolean,
): number {
  const { CF, PF, AF, ZF, SF, DF, OF } = Flag;
  return (
    (before & DF) |
    (carry ? CF : 0) |
    (parityIsEven(value & 0xff) ? PF : 0) |
    (halves & AF) |
    (value === 0 ? ZF : 0) |
    ((value & signOf(size)) !== 0 ? SF : 0) |
    (overflow ? OF : 0)
  );
}

function parityIsEven(byte: number): boolean {
  const four = byte ^ (byte >> 4);
  const two = four ^ (four >> 2);
  return ((two ^ (two >> 1)) & 1) === 0;
}

export const maskOf = (size: number): number => (size === 1 ? 0xff : 0xffff);
const signOf = (size: number): number => (size === 1 ? 0x80 : 0x8000);

/** Whether a conditional jump, by the low four bits of its opcode, is taken. */
export function holds(condition: number, flags: number): boolean {
  const { CF, PF, ZF, SF, OF } = Flag;
  const is = (flag: number) => (flags & flag) !== 0;
  const plain = [
    is(OF),
    is(CF),
    is(ZF),
    is(CF) || is(ZF),
    is(SF),
    is(PF),
    is(SF) !== is(OF),
    is(ZF) || is(SF) !== is(OF),
  ][condition >> 1] as boolean;
  return (condition & 1) === 0 ? plain : !plain;
}
