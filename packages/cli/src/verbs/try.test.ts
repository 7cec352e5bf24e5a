/** Goal: `try` on changes whose outcome is known: what breaks is shown, what is not needed is named, the rest is as before. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { diffOf } from '../testing/diff.ts';
import { faultline } from '../testing/run.ts';

const FOLDER = mkdtempSync(path.join(os.tmpdir(), 'faultline-try-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const at = path.join(FOLDER, name);
  writeFileSync(at, text);
  return at;
}

const RING = 'packages/kvm/src/virt/coalesced-mmio.ts';
const ZAP = 'packages/kvm/src/x86/zap-gfn-range.ts';
const SLOW = 300_000;

test('a refactoring that changes nothing leaves every verdict and every final state', {
  timeout: SLOW,
}, () => {
  const patch = file(
    'refactoring.patch',
    diffOf(RING, [
      [
        '  const result = yield* appendToRing(kvm, zone, addr, len, value);\n',
        '  const done = yield* appendToRing(kvm, zone, addr, len, value);\n',
      ],
      ['  return result;\n', '  return done;\n'],
    ]),
  );
  const ran = faultline(['try', patch]);
  expect(ran.stdout).toMatch(/changes coalesced_mmio_write\(\)\n {2}\d+ of \d+ scenarios run/);
  expect(ran.stdout).toMatch(/io\/ring-overrun: verified; same final states/);
  expect(ran.stdout).not.toMatch(/worse\)|unneeded|no longer needed/);
  expect(ran.stdout).toMatch(/\d scenarios: 0 worse, 0 better, \d as before\n$/);
  expect(ran.status).toBe(0);
});

test('a barrier that is removed is a finding, with diagram and a token that replays', {
  timeout: SLOW,
}, () => {
  const patch = file('barrier.patch', diffOf(RING, [['  fill_entry_before_last: yield* smpWmb();\n', '']]));
  const ran = faultline(['try', patch, '--no-steps']);
  expect(ran.stdout).toMatch(/: verified -> violated \(worse\)/);
  expect(ran.status).toBe(1);
  const replay = /replay: npx faultline replay (\S+) --with (\S+)/.exec(ran.stdout);
  const again = faultline(['replay', replay?.[1] ?? '', '--with', replay?.[2] ?? '']);
  expect([again.status, again.stderr]).toEqual([1, '']);
});

test('one lock in the place of another is a deadlock', { timeout: SLOW }, () => {
  const patch = file(
    'lock.patch',
    diffOf('packages/kvm/src/x86/xen-lock.ts', [
      [
        'return xen.usesKvmLock === 1 ? kvm.lock : xen.xenLock;',
        'return xen.usesKvmLock === 1 ? kvm.lock : kvm.lock;',
      ],
    ]),
  );
  const ran = faultline(['try', patch, '--no-steps', '--reporter', 'mail']);
  expect(ran.stdout).toMatch(/xen\/evtchn-deadlock: verified -> violated \(worse\)/);
  expect(ran.stdout).toMatch(/deadlock/);
  for (const line of ran.stdout.split('\n'))
    if (!line.includes('faultline')) expect(line.length).toBeLessThanOrEqual(100);
  expect(ran.status).toBe(1);
});

test('a check that moves before its lock is a finding', { timeout: SLOW }, () => {
  const patch = file(
    'check.patch',
    diffOf(RING, [
      [
        '  serialize_ring_writers: yield* kvm.ringLock.lock();\n  const result = yield* appendToRing(kvm, zone, addr, len, value);\n',
        '  const insert = yield* (kvm.coalescedMmioRing as CoalescedRing).last.readOnce();\n  serialize_ring_writers: yield* kvm.ringLock.lock();\n  const result = yield* appendToRing(kvm, zone, addr, len, value, insert);\n',
      ],
      [
        '  value: bigint,\n): Task<number> {\n  const ring',
        '  value: bigint,\n  insert: number,\n): Task<number> {\n  const ring',
      ],
      ['  const insert = yield* ring.last.readOnce();\n', ''],
    ]),
  );
  const ran = faultline(['try', patch, '--no-steps']);
  expect(ran.stdout).toMatch(/io\/coalesced-write-lost: verified -> violated \(worse\)/);
  expect(ran.status).toBe(1);
});

test('a flush that nothing needs is named, and breaks nothing', { timeout: SLOW }, () => {
  const patch = file(
    'flush.patch',
    diffOf(ZAP, [
      ['  yield* invalidateEnd(kvm);\n', '  yield* invalidateEnd(kvm);\n  yield* flushRemoteTlbs(kvm);\n'],
    ]),
  );
  const ran = faultline(['try', patch]);
  expect(ran.stdout).toMatch(
    /unneeded {2}new step yield\* flushRemoteTlbs\(kvm\); \(packages\/kvm\/src\/x86\/zap-gfn-range\.ts:\d+\)/,
  );
  expect(ran.stdout).toMatch(/no longer needed {2}apicv\.flush_zapped_range/);
  expect(ran.stdout).toMatch(/: 0 worse, /);
  expect(ran.status).toBe(0);
});

test('a zap that does not raise the sequence number lets a stale entry in', { timeout: SLOW }, () => {
  const patch = file(
    'sequence.patch',
    diffOf(ZAP, [
      ['  kvm.mmuInvalidateInProgress++;\n', ''],
      ['  yield* invalidateEnd(kvm);\n', ''],
    ]),
  );
  const ran = faultline(['try', patch, '--no-steps', '--reporter', 'json']);
  const { pairs } = JSON.parse(ran.stdout) as { pairs: { became: string; after: { scenario: string } }[] };
  const worse = pairs.filter(({ became }) => became === 'worse').map(({ after }) => after.scenario);
  expect(worse).toContain('apicv/stale-vm-state');
  expect(ran.status).toBe(1);
});

test('a new claim of a user is checked against a patch', () => {
  const patch = file('barrier2.patch', diffOf(RING, [['  fill_entry_before_last: yield* smpWmb();\n', '']]));
  const ran = faultline(['check', 'io/coalesced-write-lost', '--with', patch]);
  expect(ran.stdout).toMatch(/^violated {2}io\/coalesced-write-lost \(with barrier2\)/);
  expect(ran.status).toBe(1);
});

const bad: [string, string[], RegExp][] = [
  ['nothing', ['try'], /expected a patch or a file/],
  ['a file that is missing', ['try', 'gone.patch'], /gone\.patch: no such file; expected a patch/],
  ['a commit that is not there', ['try', '--since', 'no-such-ref'], /--since no-such-ref: git cannot tell/],
];

test.each(bad)('%s is bad usage, and the message says what was expected', (_, args, says) => {
  const ran = faultline(args);
  expect(ran.stderr).toMatch(says);
  expect([ran.status, ran.stdout]).toEqual([2, '']);
});

test('a patch that does not apply says which line is another one', () => {
  const fits = diffOf(RING, [['  return result;\n', '  return 0;\n']]);
  const stale = file('stale.patch', fits.replace('-  return result;', '-  return outcome;'));
  const ran = faultline(['try', stale]);
  expect(ran.stderr).toMatch(
    /stale\.patch: hunk 1 \(line 4\) does not apply to packages\/kvm\/src\/virt\/coalesced-mmio\.ts/,
  );
  expect(ran.stderr).toMatch(/expected at line \d+: {3}return outcome;\n {2}found: +return result;/);
  expect(ran.status).toBe(2);
});

test('a patch to the kernel is sent to review', () => {
  const patch = file('kernel.patch', '--- a/virt/kvm/x.c\n+++ b/virt/kvm/x.c\n@@ -1 +1 @@\n-a\n+b\n');
  const ran = faultline(['try', patch]);
  expect(ran.stderr).toMatch(/changes no file of packages\/kvm\/src; .*use 'faultline review/);
  expect(ran.status).toBe(2);
});

test('a change of comments only has nothing to run', () => {
  const patch = file(
    'comment.patch',
    diffOf(RING, [['/** Under ring_lock. */', '/** With ring_lock held. */']]),
  );
  const ran = faultline(['try', patch]);
  expect(ran.stdout).toMatch(/changes no code of the model/);
  expect(ran.status).toBe(0);
});
