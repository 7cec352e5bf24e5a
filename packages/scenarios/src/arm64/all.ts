import type { AnyScenario } from '@faultline/machine';
import { auditScenarios } from './audit.ts';

/** Scenarios of arm64's stage-2 tables. */
export const arm64Scenarios: readonly AnyScenario[] = [...auditScenarios];
