import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Explainer } from '../explain.ts';
import { plainStyle } from '../render/style.ts';
import { traceText } from '../render/trace-text.ts';
import { explainString } from '../testing/summary.ts';
import { parseLost, parseTraceLine } from './line.ts';
import { decodeSpte, mmioGeneration, spteInShort } from './spte.ts';
import type { TraceSummary } from './summary.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8');

function traceOf(text: string, gfn?: string): TraceSummary {
  const explainer = new Explainer(gfn === undefined ? {} : { gfn });
  explainer.push(text);
  const found = explainer.end().found[0];
  if (found?.type !== 'trace') throw new Error('expected a trace');
  return found.trace;
}

describe('one line', () => {
  test.each([
    [
      'ftrace, five flags',
      '       CPU 5/KVM-4145    [002] .....    86.581928: kvm_page_fault: vcpu 5',
      { comm: 'CPU 5/KVM', pid: 4145, cpu: 2, name: 'kvm_page_fault' },
    ],
    [
      'ftrace, no flags',
      '    kvm-5664  [000] 11906.220178: kvm_entry: vcpu 0',
      { comm: 'kvm', pid: 5664, flags: '', name: 'kvm_entry' },
    ],
    [
      'ftrace, thread group',
      ' qemu-12 (  10) [001] d..1. 5.000001: kvm_exit: reason npf',
      { comm: 'qemu', pid: 12, name: 'kvm_exit' },
    ],
    [
      'trace-cmd report',
      '       qemu-829   [000]  1626.119776: kvm_exit:             reason EPT_VIOLATION rip 0x1',
      { pid: 829, name: 'kvm_exit', args: 'reason EPT_VIOLATION rip 0x1' },
    ],
    [
      'perf script',
      ' CPU 0/KVM  9/10  [003] 12.345678: kvm:kvm_mmu_set_spte: gfn 1 spte 2',
      { comm: 'CPU 0/KVM', pid: 10, name: 'kvm_mmu_set_spte', source: 'perf script' },
    ],
    [
      'three-digit and four-digit CPUs',
      '  <...>-1946910 [1226] ...1. 324797.313982: kvm_entry: vcpu 1',
      { comm: '<...>', cpu: 1226 },
    ],
  ])('%s', (_, line, want) => expect(parseTraceLine(line)).toMatchObject(want));

  test('a dmesg line is none', () => {
    expect(parseTraceLine('[    1.000000] usb 1-1: new [001] device')).toBeNull();
  });

  test.each([
    ['CPU:3 [LOST 17 EVENTS]', 17],
    ['cpu 1: 42 dropped events', 42],
    ['PERF_RECORD_LOST lost 5', 5],
    ['kvm_entry: vcpu 0', null],
  ])('lost: %s', (line, n) => expect(parseLost(line)).toBe(n));
});

describe('SPTE values', () => {
  test('an NPT leaf: every bit accounted for', () => {
    const s = decodeSpte(0x2c25e67n, 'npt', 1);
    expect(s).toMatchObject({
      state: 'leaf',
      pfn: 0x2c25n,
      writable: true,
      hostWritable: true,
      mmuWritable: true,
      accessed: true,
      dirty: true,
    });
    expect(s.bits.map((b) => b.bits)).toEqual(['0', '1', '2', '5', '6', '9', '10', '11', '51:12']);
  });

  test('an EPT leaf with A/D bits disabled counts as accessed, and as dirty when writable', () => {
    const s = decodeSpte(0x61000034d4fe877n, 'ept', 1);
    expect(s).toMatchObject({
      state: 'leaf',
      pfn: 0x34d4fen,
      writable: true,
      hostWritable: true,
      mmuWritable: true,
      accessed: true,
      dirty: true,
    });
    expect(s.bits.find((b) => b.bits === '53:52')?.meaning).toBe('A/D bits disabled');
    expect(s.bits.find((b) => b.bits === '5:3')?.meaning).toBe('memory type 6 (write-back)');
  });

  test('an access-tracked SPTE is present to software and to nobody else', () => {
    const tracked = (0x61000034d4fe877n & ~7n) | (5n << 54n);
    expect(decodeSpte(tracked, 'ept', 1)).toMatchObject({
      state: 'leaf',
      accessTracked: true,
      accessed: false,
      writable: false,
    });
  });

  test('tables and large leaves', () => {
    expect(decodeSpte(0x366b827n, 'npt', 5).state).toBe('table');
    expect(decodeSpte(0x366b8e7n, 'npt', 2).state).toBe('leaf');
  });

  test.each([0n, 1n << 63n])('empty: %s', (v) => expect(decodeSpte(v, 'ept', 1).state).toBe('empty'));
  test.each([0x5a0n, 0x498n, 0x80000000000005a0n])('frozen: %s', (v) =>
    expect(decodeSpte(v, 'ept', 1).state).toBe('frozen'),
  );

  test('an MMIO SPTE carries gfn and generation', () => {
    const s = decodeSpte(0x80000fee00017n, 'npt', 1);
    expect(s).toMatchObject({ state: 'mmio', pfn: 0xfee00n, generation: 2 });
    expect(spteInShort(s)).toBe('MMIO gfn fee00, generation 2');
  });

  test('the generation is split at bit 8 around the present bit', () => {
    const gen = 0x5a3n;
    const v = ((gen & 0xffn) << 3n) | ((gen >> 8n) << 52n) | 6n;
    expect(mmioGeneration(v)).toBe(0x5a3);
    expect(decodeSpte(v, 'ept', 1).state).toBe('mmio');
  });
});

describe('a whole trace', () => {
  test('counts, format and the life of one gfn', () => {
    const t = traceOf(fixture('kvm-6.1-trace.txt'), '0x180');
    expect(t.events).toBe(92);
    expect(t.format).toBe('npt');
    expect(t.outcomes.get('exit npf')).toBe(9);
    expect(t.steps.map((s) => s.event)).toEqual([
      'kvm_page_fault',
      'kvm_mmu_spte_requested',
      'kvm_tdp_mmu_spte_changed',
      'kvm_mmu_set_spte',
    ]);
    expect(t.gaps).toBe(0);
  });

  test('MMIO checks are told current or stale', () => {
    expect(traceOf(fixture('kvm-6.1-trace-mmio.txt')).outcomes.get('MMIO entry current')).toBe(1);
  });

  test('lost events void every claim about order, and the text says so', () => {
    const t = traceOf(`CPU:1 [LOST 9 EVENTS]\n${fixture('kvm-6.1-trace-mmio.txt')}`);
    expect(t.lost).toBe(9);
    expect(traceText(t, plainStyle(90)).join(' ')).toContain('9 events were lost: no claim about order');
  });

  test('an overwritten ring buffer has no beginning', () => {
    const text = `# tracer: nop\n#\n# entries-in-buffer/entries-written: 10/110   #P:2\n#\n${fixture('kvm-6.1-trace-mmio.txt')}`;
    expect(traceOf(text).overwritten).toBe(100);
  });

  test('a step that does not start where the last one ended is a gap', () => {
    const line = (time: string, was: string, is: string) =>
      ` q-1 [000] ..... ${time}: kvm_tdp_mmu_spte_changed: as id 0 gfn 7 level 1 old_spte ${was} new_spte ${is}\n`;
    expect(traceOf(line('1.000000', '0', '2c25e67') + line('2.000000', '2c25e67', '0')).gaps).toBe(0);
    expect(traceOf(line('1.000000', '0', '2c25e67') + line('2.000000', '2c25e65', '0')).gaps).toBe(1);
  });

  test('perf lock events are heat, by address', () => {
    const text =
      'a 1 [000] 1.000000: lock:contention_begin: 0xffff888 (flags=SPIN)\na 1 [000] 1.100000: lock:contention_end: 0xffff888 (ret=0)\n';
    expect([...traceOf(text).contended]).toEqual([['0xffff888', 1]]);
    expect(explainString(text).found[0]?.type).toBe('trace');
  });
});
