/**
 * The same client over the KVM of this project. A guest's instructions are interpreted here; each fetch, load, store, port
 * access and HLT of them goes through the model's KVM_RUN, which says where it ends.
 */
import {
  answerIo,
  answerMmio,
  assemble,
  type ClearDirtyLog,
  type CoalescedRing,
  type CoalescedZoneArgs,
  checkExtension,
  clearDirtyLog,
  createVcpu,
  createVm,
  type EnableCap,
  type Eventfd,
  enableCap,
  type GuestProgram,
  getDirtyLog,
  type Instruction,
  type IoeventfdArgs,
  ioctlIoeventfd,
  ioctlRegisterCoalescedMmio,
  ioctlUnregisterCoalescedMmio,
  ioExit,
  type Kvm,
  KvmExit,
  mmioExit,
  openEventfd,
  patch,
  resetDirtyRings,
  setIdentityMapAddr,
  setTssAddr,
  setUserMemoryRegion,
  type Vcpu,
  type VmOptions,
  vcpuRun,
} from '@faultline/kvm';
import { freshArena, NeverEnds, runAlone as runTask } from '@faultline/kvm/run-alone';
import type { Task } from '@faultline/machine';
import {
  type Coalesced,
  EVENTFDS,
  type Exit,
  type KvmClient,
  MEMORY_PAGES,
  NeverReturns,
  PAGE,
  type Region,
  type Registers,
  type VcpuClient,
  type VmClient,
} from './client.ts';
import { interpret } from './interpreter.ts';
import { type Bus, Processor } from './processor.ts';

/** What a machine has more or less of than another, and user space can ask for. */
export interface Machine {
  readonly userMemSlots: number;
  readonly addressSpaces: 1 | 2;
  /** First frame number that the page tables cannot hold. */
  readonly maxGfn: number;
}

/** Room for four dirty rings of the largest size, and for the tables of a sequence: what is freed is not used again. */
const ARENA = 6 << 20;
/** Entries that fill the page of the ring. */
const COALESCED_MAX = 170;
const NO_FILE = 0;
/** 40 bits of frame number, as a machine of 52 bits has, in small tables. */
const TABLES = { levels: 5, indexBits: 8 };

export function openOurKvm(machine: Machine): KvmClient {
  const arena = new ArrayBuffer(ARENA);
  return { name: 'Faultline', createVm: () => new OurVm(machine, arena) };
}

function runAlone<T>(task: Task<T>): T {
  try {
    return runTask(task);
  } catch (error) {
    throw error instanceof NeverEnds ? new NeverReturns(error.message) : error;
  }
}

class OurVm implements VmClient {
  /** What the frames of the VMM hold, byte for byte: see `Ram`. */
  readonly memory = new Uint8Array(MEMORY_PAGES * PAGE);
  readonly vcpus: OurVcpu[] = [];
  readonly read = new Set<number>();
  private readonly kvm: Kvm;
  private readonly ram: Ram;
  private readonly eventfds: Eventfd[] = [];

  constructor({ maxGfn, ...machine }: Machine, arena: ArrayBuffer) {
    freshArena(arena);
    const mmu: VmOptions['mmu'] = { pages: MEMORY_PAGES, frames: MEMORY_PAGES, ...TABLES };
    this.kvm = runAlone(createVm({ ...machine, mmu, maxGfn, coalescedMmioMax: COALESCED_MAX }));
    for (let i = 0; i < EVENTFDS; i++) this.eventfds.push(openEventfd());
    this.ram = new Ram(this.kvm, this.memory);
  }

  checkExtension(cap: number): number {
    return checkExtension(this.kvm, cap);
  }

  enableCap(cap: EnableCap): number {
    return runAlone(enableCap(this.kvm, cap));
  }

  setUserMemoryRegion({ inMemory: _, ...region }: Region): number {
    return runAlone(setUserMemoryRegion(this.kvm, region));
  }

  getDirtyLog(slot: number): number[] | number {
    const log = runAlone(getDirtyLog(this.kvm, slot));
    if (typeof log === 'number') return log;
    while (log.at(-1) === 0) log.pop();
    return log;
  }

  clearDirtyLog(log: ClearDirtyLog): number {
    return runAlone(clearDirtyLog(this.kvm, log));
  }

  resetDirtyRings(): number {
    return runAlone(resetDirtyRings(this.kvm));
  }

  setTssAddr(addr: bigint): number {
    return setTssAddr(addr);
  }

  setIdentityMapAddr(_addr: bigint): number {
    return runAlone(setIdentityMapAddr(this.kvm));
  }

  ioeventfd(args: IoeventfdArgs): number {
    const files = [...this.eventfds, this.kvm].map((file) => file.addr);
    return runAlone(ioctlIoeventfd(this.kvm, { ...args, fd: files[args.fd] ?? NO_FILE }));
  }

  readEventfd(fd: number): number {
    const { count } = this.eventfds[fd] as Eventfd;
    const events = count.peek();
    count.poke(0);
    return events;
  }

  registerCoalesced(zone: CoalescedZoneArgs): number {
    return runAlone(ioctlRegisterCoalescedMmio(this.kvm, zone));
  }

  unregisterCoalesced(zone: CoalescedZoneArgs): number {
    return runAlone(ioctlUnregisterCoalescedMmio(this.kvm, zone));
  }

  takeCoalesced(): Coalesced[] {
    const ring = this.kvm.coalescedMmioRing as CoalescedRing;
    const last = ring.last.peek();
    const taken: Coalesced[] = [];
    for (let i = ring.first.peek(); i !== last; i = (i + 1) % COALESCED_MAX) {
      const { physAddr, len, pio, data } = ring.entries.at(i);
      taken.push({ addr: physAddr, len, pio, data });
    }
    ring.first.poke(last);
    return taken;
  }

  createVcpu(id: number): number {
    const vcpu = runAlone(createVcpu(this.kvm, id));
    if (typeof vcpu === 'number') return vcpu;
    this.vcpus.push(new OurVcpu(vcpu, this.ram, this.read));
    return 0;
  }

  close(): void {}
}

/**
 * A frame of the model holds one word. Here that word is the number of the frame, under a mark: a load reads it and so
 * learns which frame the guest reached; a store overwrites it, which shows the same. The bytes are in `bytes`.
 */
class Ram {
  constructor(
    private readonly kvm: Kvm,
    readonly bytes: Uint8Array,
  ) {
    for (let frame = 0; frame < MEMORY_PAGES; frame++) this.mark(frame);
  }

  private mark(frame: number): void {
    this.content(frame).poke(MARK | BigInt(frame));
  }

  private content(frame: number) {
    if (this.kvm.mmStruct === null) throw new Error('a VM with the TDP MMU has an mm');
    return this.kvm.mmStruct.page.at(frame).content;
  }

  /** Where the byte that a load of the model found is: `word` is what it read, cut to its size. */
  placeOf(word: bigint, gpa: number): number {
    return Number(word & 0xffn) * PAGE + (gpa % PAGE);
  }

  /** The frame that was just written, marked again. */
  written(): number {
    for (let frame = 0; frame < MEMORY_PAGES; frame++) {
      if (this.content(frame).peek() === (MARK | BigInt(frame))) continue;
      this.mark(frame);
      return frame;
    }
    throw new Error('a store that left no frame changed');
  }
}

/** No guest here stores as much. */
const MARK = 0xfa17_11fe_0000_0000n;

class OurVcpu implements VcpuClient, Bus {
  private readonly cpu = new Processor();
  private readonly program: GuestProgram;
  private guest = interpret(this.cpu, this);

  constructor(
    private readonly vcpu: Vcpu,
    private readonly ram: Ram,
    private readonly read: Set<number>,
  ) {
    this.program = assemble([{ op: 'hlt' }]);
    vcpu.program = this.program;
  }

  setRegisters(registers: Registers): void {
    this.cpu.set(registers);
    this.guest = interpret(this.cpu, this);
  }

  registers(): Registers {
    return this.cpu.get();
  }

  setImmediateExit(on: boolean): void {
    this.vcpu.run.immediateExit = on ? 1 : 0;
  }

  run(): number {
    return this.guest.next().value;
  }

  exit(): Exit {
    const { run } = this.vcpu;
    switch (run.exitReason) {
      case KvmExit.HLT:
        return { reason: 'HLT' };
      case KvmExit.IO: {
        const { direction, size, port, data } = ioExit(run);
        return { reason: 'IO', out: direction === 1, size, port, count: 1, data };
      }
      case KvmExit.MMIO: {
        const { physAddr, ...exit } = mmioExit(run);
        return { reason: 'MMIO', physAddr: BigInt(physAddr), ...exit };
      }
      default:
        return { reason: 'OTHER', number: run.exitReason };
    }
  }

  answer(value: bigint): void {
    if (this.vcpu.run.exitReason === KvmExit.IO) answerIo(this.vcpu.run, value);
    else answerMmio(this.vcpu.run, value);
  }

  *load(linear: number, size: number): Generator<number, number, void> {
    let value = 0;
    for (const { gpa, bytes, shift } of fragments(linear, size)) {
      const left = yield* this.execute({ op: 'load', gpa, size: bytes });
      const word = Number(this.vcpu.rax);
      const at = this.ram.placeOf(this.vcpu.rax, gpa);
      value |= (left ? word : littleEndian(this.ram.bytes, at, bytes)) << shift;
      if (!left) this.read.add(Math.floor(at / PAGE));
    }
    return value;
  }

  *store(linear: number, size: number, value: number): Generator<number, void, void> {
    for (const { gpa, bytes, shift } of fragments(linear, size)) {
      const part = (value >> shift) & (bytes === 1 ? 0xff : 0xffff);
      if (yield* this.execute({ op: 'store', gpa, size: bytes, value: BigInt(part) })) continue;
      const at = this.ram.written() * PAGE + (gpa % PAGE);
      for (let i = 0; i < bytes; i++) this.ram.bytes[at + i] = (part >> (8 * i)) & 0xff;
    }
  }

  *in(port: number, size: number): Generator<number, number, void> {
    yield* this.execute({ op: 'in', port, size });
    return Number(this.vcpu.rax) & (size === 1 ? 0xff : 0xffff);
  }

  *out(port: number, size: number, value: number): Generator<number, void, void> {
    yield* this.execute({ op: 'out', port, size, value: BigInt(value) });
  }

  *halt(): Generator<number, void, void> {
    patch(this.program, 0, { op: 'hlt' });
    this.vcpu.rip = 0;
    yield this.enter();
  }

  /** One instruction of the model. Returns whether it left the guest on the way. */
  private *execute(instruction: Instruction): Generator<number, boolean, void> {
    patch(this.program, 0, instruction);
    this.vcpu.rip = 0;
    let left = false;
    for (;;) {
      const result = this.enter();
      // The HLT that follows every program of the model: the instruction is done.
      if (result === 0 && this.vcpu.run.exitReason === KvmExit.HLT) return left;
      left = left || result === 0;
      yield result;
    }
  }

  private enter(): number {
    return runAlone(vcpuRun(this.vcpu));
  }
}

/** Parts of an access that do not cross a page. */
function fragments(linear: number, size: number): { gpa: number; bytes: number; shift: number }[] {
  const first = Math.min(size, PAGE - (linear % PAGE));
  const whole = [{ gpa: linear, bytes: first, shift: 0 }];
  return first === size ? whole : [...whole, { gpa: linear + first, bytes: size - first, shift: 8 * first }];
}

function littleEndian(memory: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8) | (memory[at + i] as number);
  return value;
}
