/** Goal: whether store buffers change anything is answered for a scenario, with the first execution that shows it. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { faultline } from '../testing/run.ts';

const SCENARIO = (barrier: string) => `
import { cell32, scenario, smpMb, struct } from '@faultline/machine';
const Flags = struct('flags', { x: cell32, y: cell32 }, { as: 'f' });
export const flags = scenario('example/flags', {
  title: 'both find the other absent',
  source: 'a test',
  *setup() { return Flags.alloc(); },
  threads: {
    *a(f) { yield* f.x.writeOnce(1); ${barrier} return yield* f.y.readOnce(); },
    *b(f) { yield* f.y.writeOnce(1); ${barrier} return yield* f.x.readOnce(); },
  },
  always: {},
  sometimes: {},
});
`;

function robust(barrier: string) {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'robust-')), 'flags.ts');
  writeFileSync(file, SCENARIO(barrier));
  return faultline(['check', file, '--robust']);
}

test('a final state that only store buffers give is a violation, with its diagram', () => {
  const { status, stdout } = robust('');
  expect(stdout).toContain("falls: 'ends as some execution under sequential consistency does', in 1 of 4");
  expect(stdout).toMatch(/in its store buffer/);
  expect(status).toBe(1);
});

test('with barriers there is none', () => {
  const { status, stdout } = robust('yield* smpMb();');
  expect(stdout).toMatch(/^verified {2}example\/flags/);
  expect(status).toBe(0);
});

test('a scenario that is violated on purpose is asked the same question', () => {
  expect(faultline(['check', 'mmu/printed-condition-unprotects', '--robust']).status).toBe(0);
});
