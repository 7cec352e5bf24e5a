/** Goal: what is printed beside a deadlock is what a kernel's log says, and is read back as the same deadlock. */
import { analyse, builtInRules, Explainer, type Report } from '@faultline/lockdep';
import { expect, test } from 'vitest';
import type { CheckResult } from '../run/job.ts';
import { faultline } from '../testing/run.ts';

test('the deadlocks before 310bc39546 are reported, and read back as the same cycles', () => {
  const reports = reportsOf('xen/evtchn-deadlock', 'before-310bc39546');
  expect(reports).toHaveLength(2);
  expect(reports.map(cycleOf)).toContainEqual([
    '&kvm->lock -> synchronize_srcu(&kvm->srcu) in kvm_io_bus_register_dev',
    '&kvm->srcu -> mutex_lock(&kvm->lock) in kvm_xen_set_evtchn',
  ]);
  expect(reports.map(cycleOf)).toContainEqual([
    '&vcpu->mutex -> mutex_lock(&kvm->lock) in kvm_xen_set_evtchn',
    '&kvm->lock -> mutex_lock(&vcpu->mutex) in sev_lock_vcpus_for_migration',
  ]);
  for (const report of reports) {
    expect(report.losses).toEqual([]);
    const { strong, broken } = analyse(report, builtInRules(null));
    expect(strong).toBe(true);
    expect(broken.map(({ rule }) => rule.source.line)).not.toEqual([]);
  }
});

test('the report names both sides of a grace period, where a kernel prints lock() for both', () => {
  const texts = textsOf('xen/evtchn-deadlock', 'before-310bc39546');
  const grace = texts.find((text) => text.includes('-> #0 (&kvm->srcu)')) ?? '';
  const table = grace.split(' ----\n')[1]?.split(' *** DEADLOCK')[0]?.trimEnd();
  expect(table).toBe(
    [
      '  mutex_lock(&kvm->lock);',
      '                               srcu_read_lock(&kvm->srcu);',
      '                               mutex_lock(&kvm->lock);',
      '  synchronize_srcu(&kvm->srcu);',
    ].join('\n'),
  );
});

test('a ring of four has four links', () => {
  const [report] = reportsOf('locks/hotplug-cycle', 'before-44d174596260');
  expect(report?.chain).toHaveLength(4);
});

function textsOf(scenario: string, variant: string): string[] {
  const { stdout } = faultline(['check', scenario, '--with', variant, '--reporter', 'json']);
  const [result] = JSON.parse(stdout) as CheckResult[];
  return result?.findings.flatMap(({ lockdep }) => (lockdep === undefined ? [] : [lockdep])) ?? [];
}

function reportsOf(scenario: string, variant: string): Report[] {
  return textsOf(scenario, variant).flatMap((text) => {
    const explainer = new Explainer();
    explainer.push(`${text}\n`);
    return explainer.end().found.flatMap((f) => (f.type === 'report' ? [f.report] : []));
  });
}

/** Each edge with the function of the kernel that asks. */
function cycleOf(report: Report): string[] {
  return analyse(report, builtInRules(null)).cycle.map(
    ({ from, to, op, path }) =>
      `${from} -> ${op}(${to}) in ${path.find(({ fn }) => fn.startsWith('kvm_') || fn.startsWith('sev_'))?.fn}`,
  );
}
