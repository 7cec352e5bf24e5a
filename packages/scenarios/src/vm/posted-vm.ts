/** A VM whose devices' interrupts are posted, and the host's CPUs with their interrupts. */
import {
  cpuOf,
  createPostedInterrupts,
  type HostCpus,
  hostInterrupts,
  noMoreVectors,
  type PiDesc,
  type PostedInterruptOptions,
  runHaltingGuest,
  runSpinningGuest,
  type Scheduling,
  type VcpuPi,
  type VmPi,
  vcpuLoadHere,
} from '@faultline/kvm/seams';
import type { Task } from '@faultline/machine';

export interface PostedVm {
  readonly vm: VmPi;
  readonly cpus: HostCpus;
  /** vCPU 0, and its descriptor. */
  readonly pi: VcpuPi;
  readonly desc: PiDesc;
}

export function* postedVm(options: PostedInterruptOptions = {}): Task<PostedVm> {
  const vm = yield* createPostedInterrupts(options);
  const pi = vm.vcpus.get(0) as VcpuPi;
  return { vm, cpus: vm.cpus as HostCpus, pi, desc: pi.desc as PiDesc };
}

/** The interrupts of one CPU. */
export function* interruptsOf({ vm, cpus }: PostedVm, cpu: number): Task {
  yield* hostInterrupts(vm, cpuOf(cpus, cpu));
}

/** A vCPU whose guest halts until it has had these vectors; nothing comes after that. */
export function* haltsUntil({ pi, cpus }: PostedVm, until: bigint, host?: Scheduling): Task<bigint> {
  yield* runHaltingGuest(pi, until, host);
  yield* noMoreVectors(cpus);
  return pi.handled;
}

/** A vCPU whose guest spins until it has had them. */
export function* spinsUntil({ pi, cpus }: PostedVm, until: bigint): Task<bigint> {
  yield* vcpuLoadHere(pi);
  yield* runSpinningGuest(pi, until);
  yield* noMoreVectors(cpus);
  return pi.handled;
}

/** Vectors as a set. */
export function bitsOf(vectors: readonly number[]): bigint {
  return vectors.reduce((bits, vector) => bits | (1n << BigInt(vector)), 0n);
}

/** Why a scenario with an IOMMU is not run on threads. */
export const AT_ONCE = 'the IOMMU changes two words of the descriptor at once';
