/**
 * A processor in real mode, as much of it as small guests need. It fetches, reads and writes through the bus that it is
 * given, so that what memory is, and which access leaves the guest, is for others to say.
 */
import {
  arithmetic,
  Flag,
  holds,
  logical,
  maskOf,
  OPERATIONS,
  type Operation,
  type Sum,
  step,
} from './alu.ts';
import {
  type Bus,
  displacementBytes,
  NotInterpreted,
  type Operand,
  operandOf,
  type Processor,
  Reg,
  Seg,
  signed,
} from './processor.ts';

/** A guest that has not halted after so many instructions is not compared. */
const MAX_INSTRUCTIONS = 5000;

const PREFIXES: Readonly<Record<number, number>> = {
  38: Seg.ES,
  46: Seg.CS,
  54: Seg.SS,
  62: Seg.DS,
};

/** Runs for ever; each value is a result of KVM_RUN, after which user space has its turn. */
export function* interpret(cpu: Processor, bus: Bus): Generator<number, never, void> {
  for (let n = 0; ; n++) {
    if (n > MAX_INSTRUCTIONS) throw new NotInterpreted(`more than ${MAX_INSTRUCTIONS} instructions`);
    yield* new Instruction(cpu, bus).run();
  }
}

/** One instruction: its bytes as they are fetched, and what it does. */
class Instruction {
  private ip: number;
  private override: number | null = null;

  constructor(
    private readonly cpu: Processor,
    private readonly bus: Bus,
  ) {
    this.ip = cpu.ip;
  }

  *run(): Generator<number, void, void> {
    let opcode = yield* this.byte();
    while (PREFIXES[opcode] !== undefined) {
      this.override = PREFIXES[opcode];
      opcode = yield* this.byte();
    }
    if (opcode < 0x40 && (opcode & 7) < 6) yield* this.alu(opcode);
    else if (opcode >= 0x40 && opcode < 0x60) yield* this.registerOnly(opcode);
    else if (opcode >= 0x70 && opcode < 0x80) yield* this.jumpIf(holds(opcode & 15, this.cpu.flags));
    else if (opcode >= 0x80 && opcode < 0x90) yield* this.withModrm(opcode);
    else if (opcode >= 0xa0 && opcode < 0xc0) yield* this.accumulator(opcode);
    else if (opcode >= 0xe0 && opcode < 0xf0) yield* this.loopsAndPorts(opcode);
    else yield* this.others(opcode);
  }

  private *byte(): Generator<number, number, void> {
    const { cpu } = this;
    const byte = yield* this.bus.load(cpu.linear(Seg.CS, this.ip, 1), 1);
    this.ip = (this.ip + 1) & 0xffff;
    return byte;
  }

  private *word(): Generator<number, number, void> {
    const low = yield* this.byte();
    return low | ((yield* this.byte()) << 8);
  }

  private *immediate(size: number): Generator<number, number, void> {
    return size === 1 ? yield* this.byte() : yield* this.word();
  }

  private *modrm(): Generator<number, { reg: number; operand: Operand }, void> {
    const modrm = yield* this.byte();
    const bytes = displacementBytes(modrm);
    let displacement = 0;
    if (bytes === 1) displacement = signed(yield* this.byte());
    if (bytes === 2) displacement = yield* this.word();
    return { reg: (modrm >> 3) & 7, operand: operandOf(this.cpu, modrm, displacement, this.override) };
  }

  private *read(operand: Operand, size: number): Generator<number, number, void> {
    if ('register' in operand) return this.cpu.register(operand.register, size);
    return yield* this.bus.load(this.cpu.linear(operand.segment, operand.offset, size), size);
  }

  private *write(operand: Operand, size: number, value: number): Generator<number, void, void> {
    if ('register' in operand) this.cpu.setRegister(operand.register, size, value);
    else yield* this.bus.store(this.cpu.linear(operand.segment, operand.offset, size), size, value);
  }

  /** The instruction has happened: nothing of it shows before. */
  private retire(flags = this.cpu.flags): void {
    this.cpu.flags = flags;
    this.cpu.ip = this.ip;
  }

  /** 00 to 3D: ADD to CMP, memory and register, or AL/AX and an immediate. */
  private *alu(opcode: number): Generator<number, void, void> {
    const { cpu } = this;
    const operation = OPERATIONS[opcode >> 3] as Operation;
    const size = (opcode & 1) + 1;
    const form = opcode & 6;
    if (form === 4) {
      const value = yield* this.immediate(size);
      yield* this.combine(operation, { register: Reg.AX }, value, size);
      return;
    }
    const { reg, operand } = yield* this.modrm();
    const [to, from] = form === 0 ? [operand, { register: reg }] : [{ register: reg }, operand];
    const a = form === 0 ? yield* this.read(to, size) : cpu.register(reg, size);
    const b = yield* this.read(from, size);
    yield* this.finish(operation, to, arithmetic(operation, a, b, size, cpu.flags), size);
  }

  private *combine(
    operation: Operation,
    to: Operand,
    value: number,
    size: number,
  ): Generator<number, void, void> {
    const a = yield* this.read(to, size);
    yield* this.finish(operation, to, arithmetic(operation, a, value, size, this.cpu.flags), size);
  }

  private *finish(
    operation: Operation,
    to: Operand,
    { value, flags }: Sum,
    size: number,
  ): Generator<number, void, void> {
    if (operation !== 'cmp') yield* this.write(to, size, value);
    this.retire(flags);
  }

  /** 40 to 5F: INC, DEC, PUSH, POP of a word register. */
  private *registerOnly(opcode: number): Generator<number, void, void> {
    const { cpu } = this;
    const reg = opcode & 7;
    if (opcode < 0x50) {
      const { value, flags } = step(opcode < 0x48 ? 1 : -1, cpu.register(reg, 2), 2, cpu.flags);
      cpu.setRegister(reg, 2, value);
      this.retire(flags);
    } else if (opcode < 0x58) {
      yield* this.push(cpu.register(reg, 2));
      this.retire();
    } else {
      const value = yield* this.pop();
      cpu.setRegister(reg, 2, value);
      this.retire();
    }
  }

  private *push(value: number): Generator<number, void, void> {
    const { cpu } = this;
    const sp = (cpu.register(Reg.SP, 2) - 2) & 0xffff;
    yield* this.bus.store(cpu.linear(Seg.SS, sp, 2), 2, value);
    cpu.setRegister(Reg.SP, 2, sp);
  }

  private *pop(): Generator<number, number, void> {
    const { cpu } = this;
    const sp = cpu.register(Reg.SP, 2);
    const value = yield* this.bus.load(cpu.linear(Seg.SS, sp, 2), 2);
    cpu.setRegister(Reg.SP, 2, (sp + 2) & 0xffff);
    return value;
  }

  private *jumpIf(taken: boolean): Generator<number, void, void> {
    const by = signed(yield* this.byte());
    if (taken) this.ip = (this.ip + by) & 0xffff;
    this.retire();
  }

  /** 80 to 8F: operations with an immediate, TEST, MOV, LEA. */
  private *withModrm(opcode: number): Generator<number, void, void> {
    const { cpu } = this;
    const size = (opcode & 1) + 1;
    const { reg, operand } = yield* this.modrm();
    if (opcode <= 0x83) {
      const value = opcode === 0x81 ? yield* this.word() : yield* this.byte();
      yield* this.combine(
        OPERATIONS[reg] as Operation,
        operand,
        opcode === 0x83 ? signed(value) : value,
        size,
      );
    } else if (opcode === 0x84 || opcode === 0x85) {
      const value = yield* this.read(operand, size);
      this.retire(logical(value & cpu.register(reg, size), size, cpu.flags).flags);
    } else if (opcode === 0x88 || opcode === 0x89) {
      yield* this.write(operand, size, cpu.register(reg, size));
      this.retire();
    } else if (opcode === 0x8a || opcode === 0x8b) {
      const value = yield* this.read(operand, size);
      cpu.setRegister(reg, size, value);
      this.retire();
    } else if (opcode === 0x8c && reg < 4) {
      yield* this.write(operand, 2, cpu.segments[reg] as number);
      this.retire();
    } else if (opcode === 0x8d && 'offset' in operand) {
      cpu.setRegister(reg, 2, operand.offset);
      this.retire();
    } else if (opcode === 0x8e && reg < 4 && reg !== Seg.CS) {
      cpu.segments[reg] = yield* this.read(operand, 2);
      this.retire();
    } else throw notInterpreted(opcode);
  }

  /** A0 to BF: MOV of AL/AX, strings, TEST, MOV of an immediate. */
  private *accumulator(opcode: number): Generator<number, void, void> {
    const { cpu } = this;
    const size = (opcode & 1) + 1;
    if (opcode >= 0xb0) {
      const wide = opcode >= 0xb8 ? 2 : 1;
      const value = yield* this.immediate(wide);
      cpu.setRegister(opcode & 7, wide, value);
    } else if (opcode <= 0xa3) {
      const memory = { segment: this.override ?? Seg.DS, offset: yield* this.word() };
      if (opcode <= 0xa1) cpu.setRegister(Reg.AX, size, yield* this.read(memory, size));
      else yield* this.write(memory, size, cpu.register(Reg.AX, size));
    } else if (opcode === 0xa8 || opcode === 0xa9) {
      const value = (yield* this.immediate(size)) & cpu.register(Reg.AX, size);
      cpu.flags = logical(value, size, cpu.flags).flags;
    } else yield* this.string(opcode, size);
    this.retire();
  }

  /** MOVS, STOS and LODS, once. */
  private *string(opcode: number, size: number): Generator<number, void, void> {
    const { cpu } = this;
    const kind = opcode & 0xfe;
    if (kind !== 0xa4 && kind !== 0xaa && kind !== 0xac) throw notInterpreted(opcode);
    const by = (cpu.flags & Flag.DF) === 0 ? size : -size;
    const source = { segment: this.override ?? Seg.DS, offset: cpu.register(Reg.SI, 2) };
    const target = { segment: Seg.ES, offset: cpu.register(Reg.DI, 2) };
    const value = kind === 0xaa ? cpu.register(Reg.AX, size) : yield* this.read(source, size);
    if (kind === 0xac) cpu.setRegister(Reg.AX, size, value);
    else yield* this.write(target, size, value);
    if (kind !== 0xaa) cpu.setRegister(Reg.SI, 2, (source.offset + by) & 0xffff);
    if (kind !== 0xac) cpu.setRegister(Reg.DI, 2, (target.offset + by) & 0xffff);
  }

  /** E0 to EF: LOOP, JCXZ, IN, OUT, CALL, JMP. */
  private *loopsAndPorts(opcode: number): Generator<number, void, void> {
    const { cpu } = this;
    if (opcode <= 0xe3) {
      const cx = (cpu.register(Reg.CX, 2) - (opcode === 0xe3 ? 0 : 1)) & 0xffff;
      const zero = (cpu.flags & Flag.ZF) !== 0;
      const wanted = opcode === 0xe0 ? !zero : opcode === 0xe1 ? zero : true;
      cpu.setRegister(Reg.CX, 2, cx);
      yield* this.jumpIf(opcode === 0xe3 ? cx === 0 : cx !== 0 && wanted);
    } else if (opcode === 0xe8) {
      const by = yield* this.word();
      yield* this.push(this.ip);
      this.ip = (this.ip + by) & 0xffff;
      this.retire();
    } else if (opcode === 0xe9) {
      const by = yield* this.word();
      this.ip = (this.ip + by) & 0xffff;
      this.retire();
    } else if (opcode === 0xeb) yield* this.jumpIf(true);
    else if (opcode !== 0xea) yield* this.port(opcode);
    else throw notInterpreted(opcode);
  }

  private *port(opcode: number): Generator<number, void, void> {
    const { cpu } = this;
    const size = (opcode & 1) + 1;
    const port = opcode < 0xe8 ? yield* this.byte() : cpu.register(Reg.DX, 2);
    if ((opcode & 2) === 0) cpu.setRegister(Reg.AX, size, yield* this.bus.in(port, size));
    else yield* this.bus.out(port, size, cpu.register(Reg.AX, size));
    this.retire();
  }

  /** C3, C6, C7, F4, F6, F7, F8 to FF. */
  private *others(opcode: number): Generator<number, void, void> {
    const { cpu } = this;
    const size = (opcode & 1) + 1;
    switch (opcode) {
      case 0xc3:
        this.ip = yield* this.pop();
        return this.retire();
      case 0xf4:
        this.retire();
        return yield* this.bus.halt();
      case 0xf8:
      case 0xf9:
        return this.retire(opcode === 0xf8 ? cpu.flags & ~Flag.CF : cpu.flags | Flag.CF);
      case 0xfc:
      case 0xfd:
        return this.retire(opcode === 0xfc ? cpu.flags & ~Flag.DF : cpu.flags | Flag.DF);
    }
    if (![0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff].includes(opcode)) throw notInterpreted(opcode);
    const { reg, operand } = yield* this.modrm();
    if (opcode <= 0xc7 && reg === 0) {
      const value = yield* this.immediate(size);
      yield* this.write(operand, size, value);
      this.retire();
    } else if (opcode >= 0xfe && reg < 2) {
      const value = yield* this.read(operand, size);
      const next = step(reg === 0 ? 1 : -1, value, size, cpu.flags);
      yield* this.write(operand, size, next.value);
      this.retire(next.flags);
    } else yield* this.unary(opcode, reg, operand, size);
  }

  /** TEST with an immediate, NOT, NEG. */
  private *unary(opcode: number, reg: number, operand: Operand, size: number): Generator<number, void, void> {
    const { cpu } = this;
    if (![0xf6, 0xf7].includes(opcode) || ![0, 2, 3].includes(reg)) throw notInterpreted(opcode);
    const test = reg === 0 ? yield* this.immediate(size) : 0;
    const value = yield* this.read(operand, size);
    if (reg === 0) return this.retire(logical(value & test, size, cpu.flags).flags);
    const negated = arithmetic('sub', 0, value, size, cpu.flags);
    yield* this.write(operand, size, reg === 2 ? ~value & maskOf(size) : negated.value);
    this.retire(reg === 2 ? cpu.flags : negated.flags);
  }
}

function notInterpreted(opcode: number): NotInterpreted {
  return new NotInterpreted(`opcode ${opcode.toString(16).padStart(2, '0')}`);
}
