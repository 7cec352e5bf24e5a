/** The scenarios of area srcu. */

import type { AnyScenario } from '@faultline/machine';
import { freedUnderAReader } from './freed-under-a-reader.ts';
import { freedUnderAnRcuReader } from './freed-under-an-rcu-reader.ts';
import { lateReaderMissed } from './late-reader-missed.ts';
import { nestedSectionEndsTheOuter } from './nested-section-ends-the-outer.ts';
import { overlappingGracePeriods } from './overlapping-grace-periods.ts';
import { readerCancelledInTheSums } from './reader-cancelled-in-the-sums.ts';
import {
  fourMigratingUsers,
  fourUsers,
  realShowsMoreThanAbstract,
  twoUpdaters,
} from './real-shows-more-than-abstract.ts';

export const srcuScenarios = [
  freedUnderAnRcuReader,
  freedUnderAReader,
  lateReaderMissed,
  readerCancelledInTheSums,
  overlappingGracePeriods,
  nestedSectionEndsTheOuter,
  realShowsMoreThanAbstract,
  twoUpdaters,
  fourUsers,
  fourMigratingUsers,
] as unknown as readonly AnyScenario[];
