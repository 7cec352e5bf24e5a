/** The rules of locks, held against every lock that one exploration saw asked for. */
import type { LockUse, Schedule } from '@faultline/explore';
import {
  cite,
  irqProblems,
  judgeUse,
  kvmRules,
  type RuleBook,
  ruleKey,
  type Use,
  type Witness,
} from '@faultline/lockdep';
import type { AnyScenario } from '@faultline/machine';
import type { LockRow } from '../run/job.ts';
import { restoredOf, usesOf } from './observed.ts';

/** Kind of these findings. */
export const LOCK_RULE = 'lock rule' as const;

export interface BrokenRule {
  /** 'order kvm->lock > kvm->slots_lock', 'irq-use gpc->lock' */
  readonly key: string;
  /** What is wrong, in one line. */
  readonly text: string;
  /** The calls that led there, outermost first, and the request itself. */
  readonly says: string;
  /** The request that breaks the rule, who makes it, and an execution up to it. */
  readonly request: string;
  readonly thread: string;
  readonly schedule: Schedule;
}

/** Each rule that is broken, once. */
export function brokenRules(locks: readonly LockUse[], scenario: AnyScenario): BrokenRule[] {
  const shown = new Map<Use, LockUse>();
  for (const lock of locks) for (const use of usesOf([rowOf(lock)])) shown.set(use, lock);
  const uses = [...shown.keys()];
  for (const lock of locks) for (const use of restoredOf([rowOf(lock)])) shown.set(use, lock);
  const found = new Map<string, BrokenRule>();
  const add = (key: string, text: string, { use, at }: Witness, also: readonly string[] = []) => {
    const lock = shown.get(use) as LockUse;
    const request = requestOf(use);
    const says = [text, ...also, ...(use.paths[at] ?? []).map((fn) => `  ${fn}`), `  ${request}`].join('\n');
    const thread = lock.threads[0] ?? '';
    found.set(key, { key, text, says, request, thread, schedule: lock.schedules[at] ?? NOWHERE });
  };
  const excused = new Set(scenario.ordersOfOtherKernels ?? []);
  for (const use of uses) {
    if (use.want === 'wait') continue;
    for (const { rule, verdict, text, path } of judgeUse(book(), use)) {
      const key = ruleKey(rule);
      if (verdict !== 'broken' || excused.has(key) || found.has(key)) continue;
      add(key, `${text} (${cite(rule)})`, { use, at: Math.max(0, use.paths.indexOf(path)) });
    }
  }
  for (const { key, text, witnesses } of irqProblems([...shown.keys()])) {
    const [safe, unsafe] = witnesses;
    const handler = (safe.use.paths[safe.at] ?? []).map((fn) => `  ${fn}`);
    add(key, text, unsafe, [
      'in an interrupt:',
      ...handler,
      `  ${requestOf(safe.use)}`,
      'and with interrupts on:',
    ]);
  }
  return [...found.values()];
}

/** As plain data. */
export function rowOf({ lock, asked, held, irqsOff, threads, paths }: LockUse): LockRow {
  return { lock, asked, held, irqsOff, threads, paths: paths.map((path) => path.map(({ fn }) => fn)) };
}

function requestOf({ op, lock }: Use): string {
  return op.startsWith('irqs_on') ? `local_irq_restore() with ${lock} held` : `${op}(&${lock})`;
}

const NOWHERE: Schedule = { threads: [], choices: [] };

/** Read when first asked for. */
function book(): RuleBook {
  cached ??= kvmRules();
  return cached;
}

let cached: RuleBook | null = null;
