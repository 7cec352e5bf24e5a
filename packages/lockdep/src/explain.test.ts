import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse } from './reports/analysis.ts';
import type { Report } from './reports/report.ts';
import { builtInRules } from './rules/builtin.ts';
import { asEml, quoted, wrapped } from './testing/damage.ts';
import * as make from './testing/generate.ts';
import { explainString, summarise } from './testing/summary.ts';

const plan = make.samplePlan;

function reportsOf(text: string): Report[] {
  return explainString(text).found.flatMap((f) => (f.type === 'report' ? [f.report] : []));
}

function only(text: string): Report {
  const reports = reportsOf(text);
  expect(reports).toHaveLength(1);
  return reports[0] as Report;
}

describe('kinds that the samples do not have', () => {
  test('an irq inversion closes through the interrupt on the CPU that holds the second lock', () => {
    const [record] = summarise(explainString(make.irqInversion(plan)));
    expect(record).toMatchObject({
      kind: 'irq-inversion',
      title: 'possible deadlock in demo_take',
      cycle: ['&demo->outer', '&demo->inner'],
    });
  });

  test('a task that exits with locks held names them', () => {
    const r = only(make.heldAtExit(plan));
    expect([r.kind, r.held[0]?.locks[0]?.lock.name, r.task]).toEqual([
      'held-at-exit',
      '&demo->outer',
      { comm: 'qemu', pid: 4242 },
    ]);
  });

  test('a nesting annotation names the lock that is missing', () => {
    const r = only(make.nestedNotTaken(plan));
    expect([r.kind, r.wanted?.lock.name, r.notHeld]).toEqual([
      'nested-lock-not-taken',
      '&demo->outer',
      '&demo->inner',
    ]);
  });

  test('a full table is a limit, not a deadlock', () => {
    const r = only(make.depthLimit(plan));
    expect([r.kind, r.limit, r.held[0]?.locks.length]).toEqual(['limit', 'MAX_LOCK_DEPTH', 48]);
    expect(analyse(r, builtInRules(null)).cycle).toEqual([]);
  });

  test('a hung task is two records: who is stuck, and all locks held', () => {
    const records = summarise(explainString(make.hungTask(plan)));
    expect(records.map((r) => r.kind)).toEqual(['hung-task', 'all-locks-held']);
    expect(records[0]).toMatchObject({ title: 'INFO: task hung in demo_take', task: 'qemu/4242' });
  });

  test.each([
    ['[ INFO: possible circular locking dependency detected ]', 'circular'],
    ['[ BUG: bad unlock balance detected! ]', 'bad-unlock-balance'],
    ['[ INFO: suspicious RCU usage. ]', 'suspicious-rcu'],
    ['[ BUG: lock held at task exit time! ]', 'held-at-exit'],
    ['WARNING: bad contention detected!', 'bad-contention'],
    ['INFO: trying to register non-static key.', 'non-static-key'],
    ['BUG: scheduling while atomic: qemu/12/0x00000002', 'scheduling-in-atomic'],
    ['BUG: MAX_LOCKDEP_CHAINS too low!', 'limit'],
    ['BUG: KCSAN: assert: race in a / b', 'kcsan'],
    ['watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [qemu:1234]', 'stall'],
    ['rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:', 'stall'],
    ['WARNING: CPU: 1 PID: 12 at virt/kvm/demo.c:77 demo_take+0x1/0x2 [kvm]', 'oops'],
    ['general protection fault, probably for non-canonical address', 'oops'],
  ])('%s is read as %s', (headline, kind) => {
    expect(reportsOf(`${headline}\n`).map((r) => r.kind)).toEqual([kind]);
  });
});

describe('one report in every dress', () => {
  test.each(['x86', 'arm64', 's390', 'x86-4.x'] as const)('%s backtraces', (arch) => {
    const r = only(make.circular({ ...plan, arch }));
    expect(r.stack.map((f) => f.fn)).toContain('demo_ioctl');
    expect(analyse(r, builtInRules(null)).names).toEqual(plan.locks);
  });

  test.each(['printk', 'caller', 'syslog', 'human', 'level'] as const)('%s time stamps', (kind) => {
    const r = only(make.stamped(make.circular(plan), kind));
    expect(analyse(r, builtInRules(null)).names).toEqual(plan.locks);
    expect(r.losses).toEqual([]);
  });

  test('two CPUs that print at once are told apart by their marks', () => {
    const other = { ...plan, task: 'other', pid: 99, locks: ['&second->a', '&second->b'] };
    const a = make.stamped(make.circular(plan), 'caller', 'T4242');
    const b = make.stamped(make.recursive(other, true), 'caller', 'C1');
    const records = summarise(explainString(make.interleaved(a, b)));
    expect(records.map((r) => [r.kind, r.task, r.cycle])).toEqual([
      ['circular', 'qemu/4242', plan.locks],
      ['recursive', 'other/99', ['&second->a']],
    ]);
  });

  test('an mbox of two messages holds two reports', () => {
    const message = (text: string) => `From someone@example.org Tue May  7 10:00:00 2024\n${asEml(text)}`;
    const mbox = `${message(make.circular(plan))}\n${message(make.recursive(plan, false))}`;
    expect(reportsOf(mbox).map((r) => r.kind)).toEqual(['circular', 'recursive']);
  });

  test('a base64 body is decoded', () => {
    const body = (
      Buffer.from(make.circular(plan))
        .toString('base64')
        .match(/.{1,76}/g) ?? []
    ).join('\n');
    const text = `From: a@example.org\nSubject: log\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n${body}\n`;
    expect(reportsOf(text).map((r) => r.kind)).toEqual(['circular']);
  });
});

describe('what must be said', () => {
  test('the second report after lockdep switched itself off is marked, a new boot clears the mark', () => {
    const two = make.circular(plan) + make.recursive(plan, true);
    expect(reportsOf(two).map((r) => r.afterLockdepOff)).toEqual([false, true]);
    const boot = `${make.circular(plan)}\nLinux version 6.1.0 (a@b) #1\n${make.recursive(plan, true)}`;
    expect(reportsOf(boot).map((r) => r.afterLockdepOff)).toEqual([false, false]);
  });

  test('one address twice is a certain self-deadlock, two addresses are not', () => {
    const closing = (same: boolean) =>
      analyse(only(make.recursive(plan, same)), builtInRules(null)).closing.join();
    expect(closing(true)).toContain('certain');
    expect(closing(false)).not.toContain('certain');
  });

  test('a chain without its report says what is missing', () => {
    const text = make.circular(plan);
    const chain = text.slice(text.indexOf('-> #2'), text.indexOf('other info'));
    const r = only(chain);
    expect(r.losses.join()).toContain('head of the report is missing');
    expect(analyse(r, builtInRules(null)).names).toEqual(plan.locks);
  });

  test('a log without a report is understood, garbage is not, nothing is nothing', () => {
    const noise = make.stamped('usb 1-1: new device\naudit: x\nclocksource: tsc\n', 'printk');
    expect(explainString(noise)).toMatchObject({ isLog: true, notUnderstood: null, found: [] });
    expect(explainString('\nlorem ipsum\n')).toMatchObject({
      isLog: false,
      notUnderstood: { line: 2, text: 'lorem ipsum' },
    });
    expect(explainString('')).toMatchObject({ lines: 0, notUnderstood: null });
  });
});

const word = fc.stringMatching(/^[a-z][a-z_]{2,14}$/);
const lockName = fc.oneof(
  fc.tuple(word, word).map(([a, b]) => `&${a}->${b}`),
  word,
  fc.tuple(word, fc.integer({ min: 2, max: 99 })).map(([a, n]) => `&${a}->x#${n}`),
  word.map((a) => `(work_completion)(&${a}->work)`),
);
const anyPlan = fc.record({
  task: fc.oneof(word, fc.constant('CPU 0/KVM'), fc.constant('kworker/u4:4')),
  pid: fc.integer({ min: 1, max: 4_000_000 }),
  locks: fc.uniqueArray(lockName, { minLength: 2, maxLength: 7 }),
  functions: fc.array(
    word.map((w) => `fn_${w}`),
    { minLength: 3, maxLength: 6 },
  ),
  kernel: fc.constantFrom('4.14.0', '5.10.2-rt', '6.9.0-next+', '6.1.192-lockdep'),
  arch: fc.constantFrom('x86', 'arm64', 's390', 'x86-4.x'),
}) as fc.Arbitrary<make.Plan>;

test('whatever the names, the whole cycle comes back in order, also quoted and wrapped', () => {
  fc.assert(
    fc.property(
      anyPlan,
      fc.constantFrom(
        quoted,
        wrapped,
        asEml,
        (t: string) => quoted(wrapped(t)),
        (t: string) => t,
      ),
      (p, damage) => {
        const [record] = summarise(explainString(damage(make.circular(p))));
        expect(record).toMatchObject({ kind: 'circular', task: `${p.task}/${p.pid}`, cycle: p.locks });
      },
    ),
    { numRuns: 400 },
  );
});
