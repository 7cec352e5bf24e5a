/** Goal: a rule of locks that is broken is shown: by whom, in which execution, and that one again from its token. */
import { expect, test } from 'vitest';
import type { CheckResult } from '../run/job.ts';
import { faultline } from '../testing/run.ts';

function broken(scenario: string, variant: string) {
  const { stdout } = faultline(['check', scenario, '--with', variant, '--reporter', 'json']);
  const [result] = JSON.parse(stdout) as [CheckResult];
  return result.findings.filter(({ kind }) => kind === 'lock rule');
}

test('a lock that is taken against the documented order has a diagram and a token', () => {
  const [finding] = broken('locks/kvm-lock-inside-irq-lock', 'irq-slots-lock-inside-irq-lock');
  expect(finding?.name).toBe('order kvm->slots_lock > kvm->irq_lock');
  expect(finding?.says).toMatch(/kvm->slots_lock is taken inside kvm->irq_lock, .*line 20\)/);
  expect(finding?.diagram).toMatch(/mutex_lock\(&kvm->irq_lock\)\nmutex_lock\(&kvm->slots_lock\) <==/);
  const again = faultline(['replay', finding?.token ?? '']);
  expect(again.status).toBe(1);
  expect(again.stdout).toContain('lock rule: kvm->slots_lock is taken inside kvm->irq_lock');
  expect(again.stdout).toContain('replayed exactly');
});

test('a lock that an interrupt takes and a task holds with interrupts on is reported in the words of lockdep', () => {
  const [finding] = broken('pi/posted-interrupt-lost', 'pi-list-lock-without-irqsave');
  expect(finding?.name).toBe('irq-use wakeup_vcpus_on_cpu_lock');
  expect(finding?.says).toMatch(/^inconsistent {IN-HARDIRQ-W} -> {HARDIRQ-ON-W} usage/);
  expect(finding?.says).toMatch(/pi_wakeup_handler[\s\S]*and with interrupts on:[\s\S]*leaveWakeupList/);
});

test('switching interrupts on with the lock held is no better', () => {
  const [finding] = broken('pi/posted-interrupt-lost', 'pi-list-lock-with-irqs-on');
  expect(finding?.name).toBe('irq-use wakeup_vcpus_on_cpu_lock');
  expect(finding?.says).toContain('local_irq_restore() with wakeup_vcpus_on_cpu_lock held');
});

test('the unchanged system breaks none there', () => {
  const { status } = faultline(['check', 'pi/posted-interrupt-lost', 'locks/kvm-lock-inside-irq-lock']);
  expect(status).toBe(0);
});
