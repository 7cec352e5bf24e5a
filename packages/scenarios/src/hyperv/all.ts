import type { AnyScenario } from '@faultline/machine';
import {
  brokenPageStays,
  emulatedPageStays,
  lockOrder,
  pageLeftBehind,
  pageToldLast,
  twoWritersMixed,
  versionsMixed,
} from './tsc-page.ts';

/** Scenarios of Hyper-V's reference TSC page. */
export const hypervScenarios: readonly AnyScenario[] = [
  versionsMixed,
  twoWritersMixed,
  pageLeftBehind,
  pageToldLast,
  lockOrder,
  emulatedPageStays,
  brokenPageStays,
];
