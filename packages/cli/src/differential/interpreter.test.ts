/** Goal: each instruction does what the manuals say. What memory is does not matter here: it is a flat array. */
import { expect, test } from 'vitest';
import { Flag } from './alu.ts';
import { NO_REGISTERS, type Registers } from './client.ts';
import { interpret } from './interpreter.ts';
import { type Bus, NotInterpreted, Processor } from './processor.ts';

const { CF, PF, AF, ZF, SF, DF, OF } = Flag;

/** A MiB of memory, and a list of what happened at ports. */
class Flat implements Bus {
  readonly bytes = new Uint8Array(0x11_0000);
  readonly ports: string[] = [];
  halted = false;
  *load(linear: number, size: number) {
    return (this.bytes[linear] as number) | (size === 2 ? (this.bytes[linear + 1] as number) << 8 : 0);
  }
  *store(linear: number, size: number, value: number) {
    this.bytes[linear] = value;
    if (size === 2) this.bytes[linear + 1] = value >> 8;
  }
  *in(port: number, size: number): Generator<number, number, void> {
    this.ports.push(`in ${port} ${size}`);
    return 0xabcd & (size === 1 ? 0xff : 0xffff);
  }
  *out(port: number, size: number, value: number) {
    this.ports.push(`out ${port} ${size} ${value.toString(16)}`);
  }
  *halt() {
    this.halted = true;
    yield 0;
  }
}

const CS = 0xe000;

function run(code: number[], start: Partial<Registers> = {}, memory: Record<number, number> = {}) {
  const bus = new Flat();
  bus.bytes.set([...code, 0xf4], CS * 16);
  for (const [at, value] of Object.entries(memory)) bus.bytes[Number(at)] = value;
  const cpu = new Processor();
  cpu.set({ ...NO_REGISTERS, cs: CS, ss: 0x9000, sp: 0x100, ...start });
  interpret(cpu, bus).next();
  return { ...cpu.get(), bus, at: (linear: number) => bus.bytes[linear] };
}

test.each<[string, number[], Partial<Registers>, Partial<Registers>]>([
  ['add al, bl carries', [0x00, 0xd8], { ax: 0x01ff, bx: 1 }, { ax: 0x0100, flags: CF | ZF | AF | PF }],
  ['add ax, imm16 overflows', [0x05, 0xff, 0x7f], { ax: 1 }, { ax: 0x8000, flags: OF | SF | AF | PF }],
  ['or ax, bx', [0x09, 0xd8], { ax: 0xf0, bx: 0x8000 }, { ax: 0x80f0, flags: SF | PF }],
  ['adc al, imm8', [0x14, 0x00], { ax: 0xff, flags: CF }, { ax: 0, flags: CF | ZF | AF | PF }],
  ['sbb ax, bx', [0x19, 0xd8], { ax: 5, bx: 5, flags: CF }, { ax: 0xffff, flags: CF | SF | AF | PF }],
  ['and al, imm8', [0x24, 0x0f], { ax: 0x10f0 }, { ax: 0x1000, flags: ZF | PF }],
  ['sub ah, bl', [0x28, 0xdc], { ax: 0x8000, bx: 1 }, { ax: 0x7f00, flags: OF | AF }],
  ['xor ax, ax', [0x31, 0xc0], { ax: 77, flags: CF }, { ax: 0, flags: ZF | PF }],
  ['cmp keeps its operand', [0x3c, 5], { ax: 4 }, { ax: 4, flags: CF | SF | AF | PF }],
  ['inc keeps the carry', [0x40], { ax: 0xffff, flags: CF }, { ax: 0, flags: CF | ZF | AF | PF }],
  ['dec bx', [0x4b], { bx: 0x8000 }, { bx: 0x7fff, flags: OF | AF | PF }],
  ['push and pop', [0x50, 0x5b], { ax: 0x1234 }, { bx: 0x1234, sp: 0x100 }],
  ['jz over', [0x74, 1, 0x40], { flags: ZF }, { ax: 0 }],
  ['jz not taken', [0x74, 1, 0x40], {}, { ax: 1 }],
  ['jle by sign and overflow', [0x7e, 1, 0x40], { flags: SF }, { ax: 0 }],
  ['jg needs neither', [0x7f, 1, 0x40], { flags: SF | OF }, { ax: 0 }],
  ['jp', [0x7a, 1, 0x40], { flags: PF }, { ax: 0 }],
  ['add bx, -1', [0x83, 0xc3, 0xff], { bx: 1 }, { bx: 0, flags: CF | ZF | AF | PF }],
  ['test al, bl', [0x84, 0xd8], { ax: 0x80, bx: 0xff }, { ax: 0x80, flags: SF }],
  ['mov ah, bl', [0x88, 0xdc], { bx: 0x5a }, { ax: 0x5a00 }],
  ['mov ax, ds', [0x8c, 0xd8], { ds: 0x77 }, { ax: 0x77 }],
  ['lea si, [bx+di+1]', [0x8d, 0x71, 1], { bx: 0xffff, di: 2 }, { si: 2 }],
  ['mov es, ax', [0x8e, 0xc0], { ax: 0x1000 }, { es: 0x1000 }],
  ['mov dh, imm8', [0xb6, 9], {}, { dx: 0x900 }],
  ['mov di, imm16', [0xbf, 0x34, 0x12], {}, { di: 0x1234 }],
  ['loop twice', [0xb9, 3, 0, 0x40, 0xe2, 0xfd], {}, { ax: 3, cx: 0, flags: PF }],
  ['loope stops without zero', [0xb9, 3, 0, 0x40, 0xe1, 0xfd], {}, { ax: 1, cx: 2 }],
  ['jcxz', [0xe3, 1, 0x40], { cx: 0 }, { ax: 0 }],
  ['call and ret', [0xe8, 1, 0, 0xf4, 0x40, 0xc3], {}, { ax: 1, sp: 0x100, ip: 4 }],
  ['jmp', [0xeb, 1, 0x40], {}, { ax: 0 }],
  ['not leaves flags', [0xf6, 0xd0], { ax: 0x0f, flags: CF }, { ax: 0xf0, flags: CF }],
  ['neg ax', [0xf7, 0xd8], { ax: 1 }, { ax: 0xffff, flags: CF | SF | AF | PF }],
  ['std and stc', [0xfd, 0xf9], {}, { flags: DF | CF }],
  ['cld and clc', [0xfc, 0xf8], { flags: DF | CF | ZF }, { flags: ZF }],
])('%s', (_, code, start, end) => {
  expect(run(code, start)).toMatchObject({ flags: start.flags ?? 0, ...end });
});

test('operands in memory: the segment is DS, SS with BP, or that of a prefix', () => {
  expect(run([0x88, 0x07], { ax: 7, bx: 4, ds: 0x10 }).at(0x104)).toBe(7);
  expect(run([0x88, 0x46, 0xff], { ax: 7, bp: 5 }).at(0x9_0004)).toBe(7);
  expect(run([0x26, 0x88, 0x06, 0, 1], { ax: 7, es: 0x20 }).at(0x300)).toBe(7);
  expect(run([0x8b, 0x00], { bx: 0xffff, si: 2 }, { 1: 0x34, 2: 0x12 }).ax).toBe(0x1234);
  expect(run([0xc7, 0x06, 0x10, 0, 0xcd, 0xab]).at(0x11)).toBe(0xab);
  expect(run([0x80, 0x06, 0x10, 0, 5], {}, { 16: 6 }).at(0x10)).toBe(11);
  expect(run([0xfe, 0x0e, 0x10, 0], {}, { 16: 6 }).at(0x10)).toBe(5);
  expect(run([0xa1, 0x10, 0], {}, { 16: 6, 17: 7 }).ax).toBe(0x706);
  expect(run([0xa2, 0x10, 0], { ax: 0x155 }).at(0x10)).toBe(0x55);
});

test('strings move one element, forwards or backwards', () => {
  const moved = run([0xa5], { si: 0x10, di: 0x20, es: 1 }, { 16: 1, 17: 2 });
  expect([moved.at(0x30), moved.at(0x31), moved.si, moved.di]).toEqual([1, 2, 0x12, 0x22]);
  expect(run([0xaa], { ax: 9, di: 0x20, flags: DF })).toMatchObject({ di: 0x1f });
  expect(run([0xac], { si: 0x20 }, { 32: 3 })).toMatchObject({ ax: 3, si: 0x21 });
});

test('ports: by DX or by an immediate, a byte or a word', () => {
  const { bus, ax } = run([0xee, 0xef, 0xe6, 0x80, 0xec, 0xe5, 0x60], { ax: 0x1234, dx: 0x3f8 });
  expect(bus.ports).toEqual(['out 1016 1 34', 'out 1016 2 1234', 'out 128 1 34', 'in 1016 1', 'in 96 2']);
  expect(ax).toBe(0xabcd);
});

test('what is not interpreted is refused, and never guessed', () => {
  expect(() => run([0x0f, 0x01])).toThrow(NotInterpreted);
  expect(() => run([0xf3, 0xa4])).toThrow(NotInterpreted);
  expect(() => run([0x8b, 0x06, 0xff, 0xff])).toThrow(/across the end of a segment/);
  expect(() => run([0xeb, 0xfe])).toThrow(/more than 5000 instructions/);
});

test('an access that leaves the guest is not repeated: registers change when the instruction has happened', () => {
  const bus = new Flat();
  const cpu = new Processor();
  bus.bytes.set([0xec, 0xf4], CS * 16);
  bus.in = function* () {
    yield -4;
    yield 0;
    return 0x42;
  };
  cpu.set({ ...NO_REGISTERS, cs: CS });
  const guest = interpret(cpu, bus);
  expect(guest.next().value).toBe(-4);
  expect(guest.next().value).toBe(0);
  expect(cpu.get()).toMatchObject({ ip: 0, ax: 0 });
  guest.next();
  expect(cpu.get()).toMatchObject({ ip: 2, ax: 0x42 });
  expect(bus.halted).toBe(true);
});
