import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { registerExplain } from './explain.ts';
import { registerLocks } from './locks.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const FIXTURES = join(ROOT, 'packages/lockdep/fixtures');
const SAMPLES = join(ROOT, '../shared/samples');
const splat = join(FIXTURES, 'xen-shinfo-splat.txt');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a verb in this process, with what it writes kept instead of shown. */
async function run(...argv: string[]): Promise<Ran> {
  let out = '';
  let err = '';
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  const before = process.exitCode;
  try {
    const program = new Command('faultline').exitOverride();
    registerExplain(program);
    registerLocks(program);
    await program.parseAsync(argv, { from: 'user' });
    return { code: Number(process.exitCode ?? 0), out, err };
  } finally {
    process.exitCode = before;
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'explain-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('explain --conform', () => {
  const mmio = join(FIXTURES, 'kvm-6.1-trace-mmio.txt');

  test('a trace that the model could have made: status 0, with the share and the format', async () => {
    const ran = await run('explain', '--conform', mmio);
    expect(ran.out).toMatch(
      /^3 of 3 changes of an SPTE are what the model does \(100\.00 %\)\n {2}Read as NPT/,
    );
    expect(ran.code).toBe(0);
  });

  test('a change that does not follow: status 1, with its line and its text', async () => {
    const ran = await run('explain', '--conform', join(FIXTURES, 'kvm-6.1-trace.txt'));
    expect(ran.out).toMatch(/Not understood\n {2}line 37: .*\n {6}kvm_tdp_mmu_spte_changed: as id 0/);
    expect(ran.code).toBe(1);
  });

  test('as data, one answer for each file', async () => {
    const ran = await run('explain', '--conform', '--reporter', 'json', mmio, mmio);
    const answers = JSON.parse(ran.out) as { understood: number }[];
    expect(answers.map(({ understood }) => understood)).toEqual([3, 3]);
  });

  test('a trace without SPTEs compares nothing: status 3; what is no trace is bad input', async () => {
    const empty = '# tracer: nop\n g-8    [000] .....  1.500000: kvm_fpu: load\n';
    expect((await run('explain', '--conform', file('empty.txt', empty))).code).toBe(3);
    const ran = await run('explain', '--conform', splat);
    expect([ran.code, ran.err]).toEqual([2, expect.stringMatching(/no trace in it/)]);
  });
});

describe('explain', () => {
  test('one report in a boot log: the task, the rule with its line, the ioctl, the table; status 1', async () => {
    const { code, out } = await run('explain', splat);
    expect(code).toBe(1);
    expect(out).toContain('possible deadlock in kvm_xen_vcpu_set_attr');
    expect(out).toContain('KVM_XEN_VCPU_SET_ATTR');
    expect(out.replace(/\s+/g, ' ')).toContain(
      'BROKEN (certain): &kvm->lock is taken inside &vcpu->mutex, but kvm->lock is taken outside vcpu->mutex (locking.rst of 6.1, line 12)',
    );
  });

  test('a locking.rst beside the log is used, and that is said', async () => {
    const log = file('splat.txt', readFileSync(splat, 'utf8'));
    const rst = file('locking.rst', readFileSync(join(FIXTURES, 'rules-example.rst'), 'utf8'));
    const { out, err } = await run('explain', log);
    expect(err).toContain(rst);
    expect(out.replace(/\s+/g, ' ')).toContain(`(${rst}, line 12)`);
  });

  test('a document given by hand wins; one that is none is bad input', async () => {
    const { out } = await run('explain', splat, '--rst', join(FIXTURES, 'rules-example.rst'));
    expect(out).toContain('line 12');
    const bad = await run('explain', splat, '--rst', splat);
    expect(bad.code).toBe(2);
    expect(bad.err).toContain('Acquisition Orders');
  });
});

describe('forms of an answer', () => {
  test('mail: 72 columns, plain', async () => {
    const { out } = await run('explain', splat, '--reporter', 'mail');
    expect(Math.max(...out.split('\n').map((l) => l.length))).toBeLessThanOrEqual(72);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape is what must not be there
    expect(out).not.toMatch(/[\u001b\u0080-\uffff]/);
  });

  test('json parses and keeps the two levels of confidence apart', async () => {
    const { out } = await run('explain', splat, '--reporter', 'json');
    const [record] = JSON.parse(out).records;
    expect(record.cycle.map((e: { from: string }) => e.from)).toEqual(['&vcpu->mutex', '&kvm->lock']);
    expect(record.certain).toHaveLength(1);
    expect(record.strong).toBe(true);
  });

  test('dot and svg: the cycle is red and names the broken rule', async () => {
    const svg = join(folder, 'cycle.svg');
    const { out } = await run('explain', splat, '--dot', '--svg', svg);
    expect(out).toContain('"&vcpu->mutex" -> "&kvm->lock" [color=red');
    expect(out).toContain('breaks: kvm->lock is taken outside vcpu->mutex');
    const picture = readFileSync(svg, 'utf8');
    expect(picture).toContain('&amp;vcpu-&gt;mutex');
    expect(picture).toContain('breaks: kvm-&gt;lock');
  });
});

describe('what is no report', () => {
  test('a harmless pattern is silent, its deadlocking sister is not', async () => {
    expect((await run('explain', join(FIXTURES, 'srcu-not-a-deadlock.txt'))).code).toBe(0);
    const bad = await run('explain', join(FIXTURES, 'srcu-deadlock.txt'));
    expect(bad.code).toBe(1);
    expect(bad.out).toContain('&kvm->lock -> &kvm->srcu -> &kvm->lock');
  });

  test('a race table becomes a scenario skeleton', async () => {
    const { out, code } = await run('explain', '--from-race-table', join(FIXTURES, 'srcu-deadlock.txt'));
    expect(code).toBe(1);
    expect(out).toContain('*cpu0(state) {');
    expect(out).toContain('// synchronize_srcu(&kvm->srcu);');
  });

  test('an empty file, garbage and a missing file are bad input, each in its own words', async () => {
    const empty = await run('explain', file('empty', ''));
    expect([empty.code, empty.err.includes('empty input')]).toEqual([2, true]);
    const garbage = await run('explain', file('garbage', '\n\nlorem ipsum\ndolor\n'));
    expect([garbage.code, garbage.err.includes('line 3 not understood: "lorem ipsum"')]).toEqual([2, true]);
    const missing = await run('explain', join(folder, 'nothing-here'));
    expect([missing.code, missing.err.includes('ENOENT')]).toEqual([2, true]);
  });

  test('a log without a report is status 0', async () => {
    const log = file('dmesg', '[    0.000000] a\n[    0.100000] b\n[    0.200000] c\n');
    const { code, out } = await run('explain', log);
    expect([code, out]).toEqual([0, 'A kernel log of 3 lines; no locking report in it.\n']);
  });

  test('several files: each is named, the worst status wins', async () => {
    const { code, out } = await run('explain', join(FIXTURES, 'srcu-not-a-deadlock.txt'), splat);
    expect(code).toBe(1);
    expect(out.match(/^== /gm)).toHaveLength(2);
  });
});

describe('locks', () => {
  const rst = join(FIXTURES, 'rules-example.rst');
  const proc = join(FIXTURES, 'kvm-6.1-proc-lockdep.txt');

  test('a document as rules, with what it says against itself', async () => {
    const { code, out } = await run('locks', '--rst', rst);
    expect(code).toBe(1);
    expect(out).toContain('line 12: kvm->lock is taken outside vcpu->mutex');
    expect(out).toContain('kvm->arch.mmu_lock');
  });

  test('a recorded graph against the document, with the chains beside it', async () => {
    const { code, out, err } = await run('locks', '--rst', rst, '--proc', proc);
    const flat = out.replace(/\s+/g, ' ');
    expect(code).toBe(1);
    expect(err).toContain('kvm-6.1-proc-lockdep_chains.txt');
    expect(flat).toContain(
      `&vcpu->mutex -> &kvm->lock was seen (direct), but kvm->lock is taken outside vcpu->mutex (${rst}, line 12)`,
    );
    expect(flat).toContain('&kvm->irq_lock -> &kvm->irqfds.lock');
    expect(flat).toContain('synchronize_srcu(&kvm->srcu) with &kvm->slots_lock held');
  });

  test('json, dot and svg of the graph', async () => {
    const { out } = await run('locks', '--rst', rst, '--proc', proc, '--json');
    expect(JSON.parse(out).contradictions).toHaveLength(1);
    const svg = join(folder, 'graph.svg');
    const dot = await run('locks', '--rst', rst, '--proc', proc, '--dot', '--svg', svg);
    expect(dot.out.match(/\[color=red/g)).toHaveLength(1);
    expect(existsSync(svg)).toBe(true);
  });

  test('two documents and two graphs can be compared, one of each cannot', async () => {
    const other = file('other.rst', readFileSync(rst, 'utf8').replace(' and kvm->irq_lock', ''));
    expect((await run('locks', '--diff', rst, other)).out).toBe(
      '- kvm->lock is taken outside kvm->irq_lock (line 14)\n',
    );
    const graph = file(
      'graph.txt',
      readFileSync(proc, 'utf8').replace(/ -> \[[0-9a-f]+\] &kvm->irqfds.lock\n/, ''),
    );
    expect((await run('locks', '--diff', graph, proc)).out).toBe('+ &kvm->irq_lock -> &kvm->irqfds.lock\n');
    expect((await run('locks', '--diff', rst, proc)).code).toBe(2);
  });

  test('a file of another kind is bad input', async () => {
    expect((await run('locks', '--proc', splat)).code).toBe(2);
    expect((await run('locks', '--rst', proc)).code).toBe(2);
  });
});

describe.runIf(existsSync(SAMPLES))('the recorded kernel against its own document', () => {
  const dir = join(SAMPLES, 'linux-6.1-selftests');

  test("the boot log is explained by that kernel's locking.rst, line 12", async () => {
    const { out, err } = await run('explain', join(dir, 'dmesg-xen_shinfo-lockdep.txt'));
    expect(err).toContain('locking.rst');
    expect(out.replace(/\s+/g, ' ')).toContain(
      `but kvm->lock is taken outside vcpu->mutex (${join(dir, 'locking.rst')}, line 12)`,
    );
  });

  test('the SRCU form says synchronize_srcu where the kernel says lock', async () => {
    const { out } = await run('explain', join(SAMPLES, 'kvm-xen-srcu-kvm_lock-dwmw2.dmesg'));
    const flat = out.replace(/\s+/g, ' ');
    expect(flat).toContain('holding a read section of &kvm->srcu, mutex_lock(&kvm->lock)');
    expect(flat).toContain('not a lock but a wait for its readers, synchronize_srcu()');
    expect(flat).toContain('(locking.rst of 2025 (6.12 and later), line 39)');
  });

  test('the whole graph: one forbidden order, six leaves with KVM locks inside, two grace periods', async () => {
    const { out } = await run(
      'locks',
      '--rst',
      join(dir, 'locking.rst'),
      '--proc',
      join(dir, 'proc-lockdep.txt'),
      '--json',
    );
    const r = JSON.parse(out);
    expect(
      r.contradictions.map((c: { seen: { outer: string; inner: string } }) => [c.seen.outer, c.seen.inner]),
    ).toEqual([['&vcpu->mutex', '&kvm->lock']]);
    const across = r.grace.filter((g: { across: string[] }) => g.across.length > 0);
    expect(across.map((g: { domain: string }) => g.domain)).toContain('&kvm->srcu');
    expect(across.find((g: { domain: string }) => g.domain === '&kvm->srcu').across.sort()).toEqual([
      '&kvm->lock',
      '&kvm->slots_lock',
    ]);
  });
});
