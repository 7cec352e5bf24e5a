/** Goal: what seed 001 calls benign races is counted, its two forms are compared, and a further check changes nothing. */
import { expect, test } from 'vitest';
import type { CheckResult } from '../run/job.ts';
import { faultline } from '../testing/run.ts';

function check(...words: string[]): CheckResult {
  const [result] = JSON.parse(faultline(['check', ...words, '--reporter', 'json']).stdout) as CheckResult[];
  return result as CheckResult;
}

test('each case of seed 001 happens in each form, and only the one that it does not name does harm', () => {
  const cases = ['stale-vm-state', 'early-vm-state', 'stale-vcpu-state', 'late-vcpu-state'].map((name) =>
    check(`apicv/${name}`).races.map(({ happened, harmful }) => [happened > 0, harmful > 0]),
  );
  const harmless = [true, false];
  expect(cases).toEqual([[harmless, harmless], [harmless], [harmless, harmless, [true, true]], [harmless]]);
});

test("the vCPU's state has a final state that the VM's has not: the write is in the page behind the APIC", () => {
  const { comparison, verdict } = check('apicv/stale-vcpu-state');
  expect(verdict).toBe('violated');
  expect(comparison?.other).toBe('apicv/stale-vm-state');
  expect(comparison?.onlyThere).toEqual([]);
  expect(comparison?.onlyHere).toEqual(['{"final":{"TPR":0,"page":"written"},"results":{"vcpu0":"RAM"}}']);
});

test("a look at the pending request changes nothing where faults go by the VM's state", () => {
  const plain = check('apicv/stale-vm-state');
  const checked = check('apicv/stale-vm-state', '--with', 'apicv-pending-request-checked');
  expect([checked.verdict, checked.statesHash]).toEqual([plain.verdict, plain.statesHash]);
  expect(plain.verdict).toBe('verified');
});

test("the same look repairs what goes by the vCPU's state", () => {
  const repaired = check('apicv/stale-vcpu-state', '--with', 'apicv-pending-request-checked');
  expect(repaired.findings.filter(({ kind }) => kind === 'always')).toEqual([]);
  expect(repaired.comparison?.onlyHere).toEqual([]);
});

test('the words are: happens and is harmless, happens and breaks', () => {
  const { stdout } = faultline(['check', 'apicv/stale-vcpu-state']);
  expect(stdout).toMatch(/ {2}happens and is harmless: case 2a: .*; in \d+ of \d+ executions/);
  expect(stdout).toMatch(/ {2}happens and breaks: .*; in \d+ of \d+ executions, breaking \d+/);
  expect(stdout).toContain('      only apicv/stale-vcpu-state: {"final"');
});
