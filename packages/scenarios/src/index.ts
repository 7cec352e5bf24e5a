/** The catalogue: every scenario, every mutant. */
import type { AnyScenario } from '@faultline/machine';
import { apicvScenarios } from './apicv/all.ts';
import { arm64Scenarios } from './arm64/all.ts';
import { dirtyScenarios } from './dirty/all.ts';
import { hwScenarios } from './hw/all.ts';
import { hypervScenarios } from './hyperv/all.ts';
import { ioScenarios } from './io/all.ts';
import { lifetimeScenarios } from './lifetime/all.ts';
import { locksScenarios } from './locks/all.ts';
import { locksThreadsScenarios } from './locks-threads/all.ts';
import { memslotsScenarios } from './memslots/all.ts';
import { mmioScenarios } from './mmio/all.ts';
import { mmuScenarios } from './mmu/all.ts';
import type { Mutant } from './mutant.ts';
import { apicvMutants } from './mutants/apicv.ts';
import { arm64Mutants } from './mutants/arm64.ts';
import { dirtyMutants } from './mutants/dirty.ts';
import { dirtyHugeMutants } from './mutants/dirty-huge.ts';
import { dirtyRingMutants } from './mutants/dirty-ring.ts';
import { hwMutants } from './mutants/hw.ts';
import { hypervMutants } from './mutants/hyperv.ts';
import { ioMutants } from './mutants/io.ts';
import { irqMutants } from './mutants/irq.ts';
import { lifetimeMutants } from './mutants/lifetime.ts';
import { locksMutants } from './mutants/locks.ts';
import { locksThreadsMutants } from './mutants/locks-threads.ts';
import { memslotsMutants } from './mutants/memslots.ts';
import { mmioMutants } from './mutants/mmio.ts';
import { mmuMutants } from './mutants/mmu.ts';
import { mmuEntryMutants } from './mutants/mmu-entry.ts';
import { mmuHugeMutants } from './mutants/mmu-huge.ts';
import { mmuTablesMutants } from './mutants/mmu-tables.ts';
import { notifierMutants } from './mutants/notifier.ts';
import { agingMutants } from './mutants/notifier-age.ts';
import { hostMutants } from './mutants/notifier-host.ts';
import { piMutants } from './mutants/pi.ts';
import { shadowMutants } from './mutants/shadow.ts';
import { srcuMutants } from './mutants/srcu.ts';
import { tscMutants } from './mutants/tsc.ts';
import { xenMutants } from './mutants/xen.ts';
import { notifierScenarios } from './notifier/all.ts';
import { piScenarios } from './pi/all.ts';
import { shadowScenarios } from './shadow/all.ts';
import { srcuScenarios } from './srcu/all.ts';
import { tscScenarios } from './tsc/all.ts';
import { xenScenarios } from './xen/all.ts';

export type { Expectation, Mutant } from './mutant.ts';

export const scenarios: readonly AnyScenario[] = [
  ...srcuScenarios,
  ...memslotsScenarios,
  ...ioScenarios,
  ...mmioScenarios,
  ...mmuScenarios,
  ...notifierScenarios,
  ...dirtyScenarios,
  ...shadowScenarios,
  ...apicvScenarios,
  ...arm64Scenarios,
  ...lifetimeScenarios,
  ...xenScenarios,
  ...locksScenarios,
  ...locksThreadsScenarios,
  ...piScenarios,
  ...hwScenarios,
  ...tscScenarios,
  ...hypervScenarios,
];

export const mutants: readonly Mutant[] = [
  ...srcuMutants,
  ...memslotsMutants,
  ...ioMutants,
  ...mmioMutants,
  ...mmuMutants,
  ...mmuEntryMutants,
  ...mmuTablesMutants,
  ...mmuHugeMutants,
  ...notifierMutants,
  ...agingMutants,
  ...hostMutants,
  ...dirtyMutants,
  ...dirtyHugeMutants,
  ...dirtyRingMutants,
  ...shadowMutants,
  ...apicvMutants,
  ...arm64Mutants,
  ...lifetimeMutants,
  ...xenMutants,
  ...locksMutants,
  ...irqMutants,
  ...locksThreadsMutants,
  ...piMutants,
  ...hwMutants,
  ...tscMutants,
  ...hypervMutants,
];
