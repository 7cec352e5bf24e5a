/** Each kind of finding has a program that shows it and a twin that is silent. */
import { expect, test } from 'vitest';
import { explore } from './explore.ts';
import { contexts } from './programs/contexts.ts';
import { locks } from './programs/locks.ts';
import { races } from './programs/races.ts';
import { replay } from './replay.ts';

for (const { kind, what, message, broken, correct } of [...races, ...locks, ...contexts]) {
  test(`${kind}: ${what} is found, and its correct twin is silent`, () => {
    const found = explore(broken);
    expect(found.verdict).toBe('violated');
    expect(found.findings.map((f) => f.kind)).toContain(kind);
    const finding = found.findings.find((f) => f.kind === kind)!;
    expect(finding.message).toMatch(message);
    const again = replay(broken, finding.schedule);
    expect(again.divergence).toBeNull();
    expect(again.findings.map((f) => f.message)).toContain(finding.message);

    const silent = explore(correct);
    expect(silent.findings.map((f) => f.message)).toEqual([]);
    expect(silent.verdict).toBe('verified');
    expect(silent.counts.blocked).toBe(0);
  });
}
