/** Goal: anyone can compare our x86-TSO with theirs, on their own tests. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { faultline } from '../testing/run.ts';

const SB = 'docs/examples/sb.litmus';

test('x86-TSO allows what sequential consistency forbids, and the exit code says whether the condition holds', () => {
  const tso = faultline(['litmus', SB]);
  expect(tso.stdout).toContain('1 * 0:rax=0; 1:rax=0;');
  expect(tso.stdout).toContain('Observation SB Sometimes 1 3');
  expect(tso.status).toBe(0);
  const sc = faultline(['litmus', SB, '--model', 'sc']);
  expect(sc.stdout).toContain('Observation SB Never 0 3');
  expect(sc.status).toBe(1);
});

test('what cannot be read is refused with file, line and column', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'litmus-'));
  const file = path.join(folder, 'bad.litmus');
  writeFileSync(file, 'X86 A\n{ x=0; }\n P0 ;\n JMP LC00 ;\nexists (x=1)\n');
  const { status, stderr } = faultline(['litmus', file]);
  expect(status).toBe(2);
  expect(stderr).toContain(`bad.litmus:4:2: 'JMP LC00': straight-line code`);
  expect(faultline(['litmus', path.join(folder, 'none')]).status).toBe(2);
});

test('without its barrier a kick finds the mode from before: the diagram shows the store buffer, and the token replays', () => {
  const scenario = 'mmu/kick-finds-nobody-asleep';
  const step = 'mmu.order_blocking_before_check';
  expect(faultline(['check', scenario, '--without', step]).status).toBe(0);
  expect(faultline(['check', scenario, '--model', 'tso']).stdout).toMatch(/x86-TSO/);
  const { status, stdout } = faultline(['check', scenario, '--model', 'tso', '--without', step]);
  expect(status).toBe(1);
  expect(stdout).toMatch(/vcpu->blocking = 1\s+\/\* in its\s+store\s+buffer \*\//);
  expect(stdout).toMatch(/vcpu->blocking = 1\s+\/\* now in\s+memory\s+\*\//);
  const token = /replay (f1\.\S+)/.exec(stdout)?.[1] as string;
  const replayed = faultline(['replay', token]);
  expect(replayed.status).toBe(1);
  expect(replayed.stdout).toContain('replayed exactly');
});
