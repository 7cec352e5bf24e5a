/**
 * Goal: what a trace shows is told apart from what the model cannot do. Method: generated traces that take every edge, in
 * each format, and the same with one event wrong; recorded traces where they are at hand.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { FROZEN_SPTE, PT_WRITABLE, type SpteFormat, spteFormat } from '@faultline/kvm';
import { Explainer } from '@faultline/lockdep';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../testing/run.ts';
import { everyEdge, leafOf, TraceWriter, tableOf } from '../testing/spte-trace.ts';
import { type Conformance, Conformer } from './conformance.ts';
import { DIFFERENCES, EDGES } from './edges.ts';
import { conformanceJson, conformanceStatus, conformanceText } from './text.ts';

const FIXTURES = path.join(ROOT, 'packages/lockdep/fixtures');
const SAMPLES = path.join(ROOT, '../shared/samples/linux-6.1-selftests');

function conform(text: string): Conformance {
  const conformer = new Conformer();
  const explainer = new Explainer({ onEvent: conformer.take });
  explainer.push(text);
  const { found } = explainer.end();
  const traces = found.flatMap((f) => (f.type === 'trace' ? [f.trace] : []));
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  return conformer.end({
    lost: sum(traces.map((t) => t.lost)),
    overwritten: sum(traces.map((t) => t.overwritten)),
  });
}

const FORMATS: readonly (readonly [name: string, format: SpteFormat])[] = [
  ['EPT with A/D bits, layout of 5.12 and later', spteFormat('modern', { ept: true })],
  ['EPT without A/D bits, layout of 5.12 and later', spteFormat('modern', { ept: true, ad: false })],
  ['NPT, layout of 5.12 and later', spteFormat('modern', { ept: false })],
  ['EPT with A/D bits, layout of 5.11 and before', spteFormat('5.11', { ept: true })],
];

const EPT = FORMATS[0]?.[1] as SpteFormat;
const LEAF = leafOf(EPT, 0x123n);

/** All edges, then what the test does; the events of the test begin with a leaf at gfn 20. */
function after(more: (w: TraceWriter) => unknown): Conformance {
  const w = new TraceWriter();
  everyEdge(w, EPT);
  w.table(0, 1);
  w.changed(20, 1, 0n, LEAF);
  more(w);
  return conform(w.text());
}

describe.each(FORMATS)('%s', (name, format) => {
  test('is found out, and every edge of the state machine is understood', () => {
    const w = new TraceWriter();
    const changes = everyEdge(w, format);
    const c = conform(w.text());
    expect(c.misfits).toEqual([]);
    expect(c.formats).toEqual([name]);
    expect([c.understood, c.transitions]).toEqual([changes, changes]);
    expect(conformanceStatus(c)).toBe(0);
  });
});

test('the generated traces take every edge that the model has', () => {
  const taken = FORMATS.flatMap(([, format]) => {
    const w = new TraceWriter();
    everyEdge(w, format);
    return [...conform(w.text()).edges.keys()];
  });
  // What the owner of a frozen entry does is no event.
  const events = EDGES.map(({ name }) => name).filter((name) => name !== 'release');
  expect(new Set(taken)).toEqual(new Set([...events, 'fix without mmu_lock']));
});

test('each edge is named after a function that the model has', () => {
  const source = execFileSync('grep', ['-rh', '@kernel', path.join(ROOT, 'packages/kvm/src')], {
    encoding: 'utf8',
  });
  for (const { by } of EDGES) expect(source).toMatch(new RegExp(`\\b${by}\\b`));
});

const WRONG: readonly (readonly [string, (w: TraceWriter) => number, RegExp])[] = [
  [
    'a leaf changes its frame in place',
    (w) => w.changed(20, 1, LEAF, leafOf(EPT, 0x124n)),
    /changes its frame/,
  ],
  [
    'W appears outside a fault',
    (w) => {
      w.changed(20, 1, LEAF, LEAF & ~PT_WRITABLE);
      return w.changed(20, 1, LEAF & ~PT_WRITABLE, LEAF);
    },
    /outside a fault/,
  ],
  [
    'host-writable is lost in place',
    (w) => w.changed(20, 1, LEAF, LEAF & ~EPT.hostWritable),
    /breaks what holds/,
  ],
  ['nothing changes', (w) => w.changed(20, 1, LEAF, LEAF), /does not change/],
  [
    'a frozen entry is mapped by somebody else',
    (w) => {
      w.changed(20, 1, LEAF, FROZEN_SPTE);
      return w.changed(20, 1, FROZEN_SPTE, LEAF);
    },
    /frozen entry into a leaf/,
  ],
  [
    'an entry that leads to a table becomes MMIO',
    (w) => w.changed(0, 4, tableOf(EPT, 3n), EPT.mmioValue),
    /into an MMIO entry/,
  ],
  [
    'an MMIO entry names another frame',
    (w) => w.changed(21, 1, 0n, EPT.mmioValue | (22n << 12n)),
    /another frame/,
  ],
  ['a value of no format', (w) => w.changed(21, 1, 0n, 1n), /none of this format/],
  [
    'another value was replaced than was there',
    (w) => w.changed(20, 1, LEAF ^ (3n << 12n), 0n),
    /line \d+ left/,
  ],
  [
    'the leaf lost W and nobody took it',
    (w) => w.changed(20, 1, LEAF & ~PT_WRITABLE, 0n),
    /another value was there/,
  ],
  [
    'an entry of a new table is not empty',
    (w) => w.table(0x40000, 1) && w.changed(0x40000, 1, LEAF, 0n),
    /new and empty/,
  ],
  [
    'the fast path sets W where KVM does not allow it',
    (w) => w.fast(20, LEAF & ~(PT_WRITABLE | EPT.mmuWritable), LEAF & ~EPT.mmuWritable),
    /no fix/,
  ],
  [
    'a leaf stands at the place of another frame',
    (w) => w.event('kvm_mmu_set_spte', `gfn 15 spte ${LEAF.toString(16)} (rwxu) level 1 at 5008`),
    /where this frame/,
  ],
  [
    'the generation of an MMIO entry is read wrongly',
    (w) => w.event('check_mmio_spte', 'spte 15016 kvm_gen 3 spte-gen 3 valid 1'),
    /generation/,
  ],
  [
    'the event is cut',
    (w) => w.event('kvm_tdp_mmu_spte_changed', 'as id 0 gfn 14 level 1 old_s'),
    /cannot be read/,
  ],
];

describe('what the model cannot do is shown with its line', () => {
  test.each(WRONG)('%s', (_, wrong, reason) => {
    let line = 0;
    const c = after((w) => {
      line = wrong(w);
    });
    expect(c.misfits.map((m) => m.line)).toEqual([line]);
    expect(c.misfits[0]?.reason).toMatch(reason);
    expect(conformanceStatus(c)).toBe(1);
  });
});

describe('what the trace cannot show is no finding', () => {
  test('the hardware sets A and D between two events', () => {
    const clean = LEAF & ~(EPT.dirty | EPT.accessed);
    const c = after((w) => {
      w.changed(20, 1, LEAF, LEAF & ~EPT.dirty);
      w.changed(20, 1, LEAF, LEAF & ~EPT.accessed);
      w.changed(20, 1, LEAF & ~EPT.accessed, clean);
      w.changed(20, 1, LEAF, 0n);
    });
    expect(c.misfits).toEqual([]);
    expect(c.steps.get('hardware')).toBeGreaterThanOrEqual(2);
  });

  test('two CPUs write their events in the other order', () => {
    const c = after((w) => {
      w.cpu = 1;
      w.changed(20, 1, LEAF & ~PT_WRITABLE, 0n);
      w.cpu = 0;
      w.changed(20, 1, LEAF, LEAF & ~PT_WRITABLE);
    });
    expect(c.misfits).toEqual([]);
    expect([c.understood, c.steps.get('in the other order')]).toEqual([c.transitions, 1]);
  });

  test('a gap where the tracer lost events says nothing, and the status says so', () => {
    const c = after((w) => {
      w.lines.push('CPU:0 [LOST 17 EVENTS]');
      w.changed(20, 1, LEAF & ~PT_WRITABLE, 0n);
    });
    expect([c.misfits, c.uncertain.length]).toEqual([[], 1]);
    expect(conformanceStatus(c)).toBe(3);
  });

  test('a second machine maps the same frames in tables of its own', () => {
    const w = new TraceWriter();
    everyEdge(w, EPT);
    w.table(0, 4);
    everyEdge(w, EPT);
    expect(conform(w.text()).misfits).toEqual([]);
  });
});

test('a known difference is listed with its lines, and is not counted as understood', () => {
  const c = after((w) => {
    w.requested(20, 0x123n);
    w.changed(20, 1, LEAF, LEAF & ~EPT.dirty);
  });
  expect([...c.known.keys()]).toEqual(DIFFERENCES.slice(0, 1));
  expect([c.misfits.length, c.transitions - c.understood]).toEqual([0, 1]);
  expect(conformanceText(c, STYLE).join('\n')).toMatch(
    /Known difference: mapped again without Dirty, 1 times/,
  );
});

test('every known difference is in docs/fidelity.md', () => {
  const text = readFileSync(path.join(ROOT, 'docs/fidelity.md'), 'utf8');
  for (const { name, kernel } of DIFFERENCES) expect(text).toContain(`| ${name} | ${kernel} |`);
});

const same = (text: string) => text;
const STYLE = { width: 90, strong: same, bad: same, good: same, dim: same };

describe('recorded on Linux 6.1', () => {
  test('a whole trace of ours is understood', () => {
    const c = conform(readFileSync(path.join(FIXTURES, 'kvm-6.1-trace-mmio.txt'), 'utf8'));
    expect([c.understood, c.transitions, c.misfitCount]).toEqual([3, 3, 0]);
  });

  test('a trace with lines cut out of its middle is noticed at the first line after the cut', () => {
    const c = conform(readFileSync(path.join(FIXTURES, 'kvm-6.1-trace.txt'), 'utf8'));
    expect(c.misfits.map(({ line }) => line)).toEqual([37]);
    expect(c.formats).toEqual(['NPT, layout of 5.12 and later']);
  });

  const recorded = existsSync(SAMPLES) ? readdirSync(SAMPLES).filter((f) => f.startsWith('trace-')) : [];
  test.runIf(recorded.length > 0).each(recorded)('%s: at least 99 %% understood, the rest known', (file) => {
    const c = conform(readFileSync(path.join(SAMPLES, file), 'utf8'));
    expect(c.understood / c.transitions).toBeGreaterThanOrEqual(0.99);
    expect([c.misfits, c.uncertain]).toEqual([[], []]);
    expect(c.formats).toEqual(['NPT, layout of 5.12 and later']);
  });
});

describe('hostile', () => {
  const w = new TraceWriter();
  everyEdge(w, EPT);
  const { lines } = w;

  test('no damage to a trace crashes it or a reporter, or makes more understood than there is', () => {
    const damage = fc.record({
      line: fc.nat(lines.length - 1),
      at: fc.nat(160),
      with: fc.oneof(
        fc.string(),
        fc.constantFrom('f', '0', ' ', 'ffffffffffffffff', '-1', '\n', 'level 9', 'gfn '),
      ),
    });
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 8 }), (damages) => {
        const broken = [...lines];
        for (const d of damages) {
          const text = broken[d.line] ?? '';
          broken[d.line] = text.slice(0, d.at) + d.with + text.slice(d.at + 1);
        }
        const c = conform(broken.join('\n'));
        conformanceText(c, STYLE);
        JSON.stringify(conformanceJson(c));
        expect(c.understood).toBeLessThanOrEqual(c.transitions);
        expect(c.understood + c.misfitCount).toBeGreaterThanOrEqual(Math.min(c.transitions, c.understood));
      }),
      { numRuns: 1000 },
    );
  });

  test('one bit turned over in a value is noticed', () => {
    // Bits that the hardware itself may set, or that tell nothing about a leaf, are left out.
    const telling = [0, 1, 11, 12, 20, 30, 57, 58];
    const changes = lines.flatMap((l, i) => (/new_spte [1-9a-f]\w{8,}/.test(l) ? [i] : []));
    expect(changes.length).toBeGreaterThan(8);
    for (const i of changes) {
      for (const bit of telling) {
        const broken = lines.map((l, j) =>
          j === i
            ? l.replace(
                /new_spte (\w+)/,
                (_, v) => `new_spte ${(BigInt(`0x${v}`) ^ (1n << BigInt(bit))).toString(16)}`,
              )
            : l,
        );
        const c = conform(broken.join('\n'));
        expect.soft(c.misfitCount, `line ${i + 1}, bit ${bit}: ${lines[i]}`).toBeGreaterThan(0);
      }
    }
  });
});
