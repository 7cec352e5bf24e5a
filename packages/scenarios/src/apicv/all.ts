import type { AnyScenario } from '@faultline/machine';
import { accessPageMigrated, accessPageMigratedByHook } from './access-page-moved.ts';
import { staleVmStateWithAllLevelsReal } from './all-levels-real.ts';
import { eoiTwice } from './eoi-twice.ts';
import { inhibitUnnoticedMapped, inhibitUnnoticedUnmapped } from './inhibit-unnoticed.ts';
import { interruptLost } from './interrupt-lost.ts';
import { neverAcceleratedAgain } from './never-accelerated-again.ts';
import { oneOfTwoPostsLost, oneOfTwoVectorsLost } from './one-of-two-interrupts-lost.ts';
import {
  earlyVmState,
  lateVcpuState,
  staleVcpuState,
  staleVcpuStateOnIntel,
  staleVcpuStateUnlessAsked,
  staleVmState,
} from './stale-vcpu-state.ts';
import { toggledWhileMemoryMoves } from './toggled-while-memory-moves.ts';

/** Scenarios of area `apicv`. */
export const apicvScenarios: readonly AnyScenario[] = [
  staleVmState,
  staleVcpuState,
  staleVcpuStateUnlessAsked,
  staleVcpuStateOnIntel,
  earlyVmState,
  lateVcpuState,
  inhibitUnnoticedMapped,
  inhibitUnnoticedUnmapped,
  neverAcceleratedAgain,
  accessPageMigrated,
  accessPageMigratedByHook,
  eoiTwice,
  interruptLost,
  oneOfTwoPostsLost,
  oneOfTwoVectorsLost,
  staleVmStateWithAllLevelsReal,
  ...toggledWhileMemoryMoves,
];
