/** Calls that one thread makes, one after the other: plain data, the same for every platform. */
import {
  answerIo,
  answerMmio,
  assemble,
  createVcpu,
  type Eventfd,
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
  setUserMemoryRegion,
  type UserspaceMemoryRegion,
  type Vcpu,
  vcpuRun,
} from '@faultline/kvm';
import type { Task } from '@faultline/machine';
import { type WordCall, type Words, wordCall } from './words.ts';

export type Call =
  | { readonly call: 'set region'; readonly region: UserspaceMemoryRegion }
  | { readonly call: 'create vcpu'; readonly id: number }
  | {
      readonly call: 'run';
      readonly vcpu: number;
      readonly program: readonly Instruction[];
      /** What user space answers to each exit that asks. */
      readonly answer: bigint;
    }
  | { readonly call: 'open eventfd' }
  | { readonly call: 'read eventfd'; readonly fd: number }
  /** `fd` counts the eventfds that were opened; one too many is a bad descriptor. */
  | { readonly call: 'ioeventfd'; readonly args: Omit<IoeventfdArgs, 'fd'>; readonly fd: number }
  | {
      readonly call: 'coalesce' | 'uncoalesce';
      readonly addr: number;
      readonly size: number;
      readonly pio: number;
    }
  | WordCall;

/** What the calls work on, besides what they make themselves. */
export interface Bench {
  readonly kvm: Kvm;
  readonly words: Words;
}

const MOST_EXITS = 6;

/** Makes the calls in order; returns what each gave. */
export function* makeCalls(bench: Bench, calls: readonly Call[]): Task<unknown[]> {
  const made: Made = { vcpus: [], eventfds: [] };
  const results: unknown[] = [];
  for (const call of calls) results.push(yield* makeCall(bench, made, call));
  return results;
}

interface Made {
  readonly vcpus: Vcpu[];
  readonly eventfds: Eventfd[];
}

function* makeCall({ kvm, words }: Bench, made: Made, call: Call): Task<unknown> {
  switch (call.call) {
    case 'set region':
      return yield* setUserMemoryRegion(kvm, call.region);
    case 'create vcpu': {
      const vcpu = yield* createVcpu(kvm, call.id);
      if (typeof vcpu === 'number') return vcpu;
      made.vcpus.push(vcpu);
      return vcpu;
    }
    case 'run': {
      const vcpu = made.vcpus[call.vcpu];
      return vcpu === undefined ? 'no vCPU' : yield* runToTheEnd(vcpu, call.program, call.answer);
    }
    case 'open eventfd':
      made.eventfds.push(openEventfd());
      return made.eventfds.length;
    case 'read eventfd': {
      const eventfd = made.eventfds[call.fd];
      return eventfd === undefined ? 'no eventfd' : yield* eventfd.count.xchg(0);
    }
    case 'ioeventfd':
      return yield* ioctlIoeventfd(kvm, { ...call.args, fd: made.eventfds[call.fd]?.addr ?? 4 });
    case 'coalesce':
      return yield* ioctlRegisterCoalescedMmio(kvm, call);
    case 'uncoalesce':
      return yield* ioctlUnregisterCoalescedMmio(kvm, call);
    default:
      return yield* wordCall(words, call);
  }
}

/** KVM_RUN until the guest halts, answering its exits; returns each exit. */
function* runToTheEnd(vcpu: Vcpu, program: readonly Instruction[], answer: bigint): Task<unknown[]> {
  vcpu.program = assemble([...program, { op: 'hlt' }]);
  vcpu.rip = 0;
  const exits: unknown[] = [];
  for (let i = 0; i < MOST_EXITS; i++) {
    const result = yield* vcpuRun(vcpu);
    const reason = vcpu.run.exitReason;
    if (result !== 0 || reason === KvmExit.HLT) return [...exits, result, vcpu.rax];
    if (reason === KvmExit.MMIO) {
      exits.push(mmioExit(vcpu.run));
      answerMmio(vcpu.run, answer);
    } else {
      exits.push(ioExit(vcpu.run));
      answerIo(vcpu.run, answer);
    }
  }
  return [...exits, 'runs on'];
}
