import { test } from 'vitest';
import { explore } from './explore.ts';
import { faulty } from './programs/faulty.ts';

test('c', () => {
  const bad = { verdict: 0, kinds: 0, err: 0 };
  let n = 0,
    viol = 0;
  const kinds: any = {};
  let shown = 0;
  for (let seed = 1; seed <= 1500; seed++) {
    const p = faulty(seed);
    let a: any;
    try {
      a = explore(p, { mode: 'naive', bounds: { maxExecutions: 400 } });
    } catch (e) {
      console.log('naive', seed, String(e));
      bad.err++;
      continue;
    }
    if (a.bounds.length) continue;
    n++;
    const key = (x: any) => [...new Set(x.findings.map((f: any) => f.kind))].sort().join();
    for (const f of a.findings) kinds[f.kind] = (kinds[f.kind] ?? 0) + 1;
    if (a.verdict === 'violated') viol++;
    for (const mode of ['sleep', 'source', 'optimal'] as const) {
      try {
        const b = explore(p, { mode });
        if (b.verdict !== a.verdict) {
          bad.verdict++;
          if (shown++ < 5)
            console.log(
              seed,
              mode,
              a.verdict,
              b.verdict,
              a.findings.map((f: any) => f.message),
            );
        } else if (key(a) !== key(b)) {
          bad.kinds++;
          if (shown++ < 5) console.log(seed, mode, key(a), '|', key(b));
        }
      } catch (e) {
        bad.err++;
        if (shown++ < 5) console.log(seed, mode, String(e));
      }
    }
  }
  console.log(n, viol, JSON.stringify(bad), JSON.stringify(kinds));
}, 300000);
