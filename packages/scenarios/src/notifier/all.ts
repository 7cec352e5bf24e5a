import type { AnyScenario } from '@faultline/machine';
import { agedPageDropped, agingLosesDirtyBit } from './aged-page-dropped.ts';
import { frameWrittenThroughTlb, freedFrameMapped } from './freed-frame-written.ts';
import { migratedPageDropped } from './migrated-page-dropped.ts';
import { flushLeftToAnother, secondHidesFirst } from './overlapping-invalidations.ts';
import { frameReusedWhileCopied, pageWrittenWhileItMoves } from './page-written-while-it-moves.ts';
import { mergedFrameMapped, sharedFrameMadeWritable, sharedFrameWritten } from './shared-frame-written.ts';
import { swappedInTwice } from './swapped-in-twice.ts';
import { unmappedPageReached } from './unmapped-page-reached.ts';
import { trackedUseUnnoticed, useForgottenInZap, useThroughTlbUnnoticed } from './use-unnoticed.ts';

/** Scenarios of area `notifier`. */
export const notifierScenarios: readonly AnyScenario[] = [
  freedFrameMapped,
  frameWrittenThroughTlb,
  agedPageDropped,
  agingLosesDirtyBit,
  useThroughTlbUnnoticed,
  trackedUseUnnoticed,
  useForgottenInZap,
  migratedPageDropped,
  secondHidesFirst,
  flushLeftToAnother,
  pageWrittenWhileItMoves,
  unmappedPageReached,
  sharedFrameWritten,
  sharedFrameMadeWritable,
  mergedFrameMapped,
  swappedInTwice,
  frameReusedWhileCopied,
];
