/** One event of a text trace. */
export interface TraceEvent {
  readonly comm: string;
  readonly pid: number;
  readonly cpu: number;
  /** Irqs-off, need-resched, hardirq/softirq, preempt depth, migrate-disable; empty in old traces. */
  readonly flags: string;
  /** Seconds. */
  readonly time: number;
  /** `kvm_exit`, without its group. */
  readonly name: string;
  readonly args: string;
  readonly source: 'ftrace' | 'perf script';
}

const CPU = / \[(\d{3,4})\] /;
const REST =
  /^\s*(?:([a-zA-Z.#0-9]{4,6})\s+)?(\d{1,10}\.\d{3,9}):\s+(?:([a-z_0-9]+):)?([A-Za-z_0-9]+|<stack trace>):?\s*(.*)$/;

/** Is this an event line of ftrace, trace-cmd report or perf script? Null when not. */
export function parseTraceLine(line: string): TraceEvent | null {
  const at = CPU.exec(line);
  if (!at || at.index > 60) return null;
  const rest = REST.exec(line.slice(at.index + at[0].length));
  if (!rest) return null;
  const head = line
    .slice(0, at.index)
    .trim()
    .replace(/\s*\(\s*[\d-]+\)$/, '');
  const who = taskOf(head);
  if (!who) return null;
  return {
    comm: who.comm,
    pid: who.pid,
    cpu: Number(at[1]),
    flags: rest[1] ?? '',
    time: Number(rest[2]),
    name: rest[4] ?? '',
    args: (rest[5] ?? '').trim(),
    source: who.perf ? 'perf script' : 'ftrace',
  };
}

/** `CPU 5/KVM-4145` (ftrace) or `mkdir   909`, `qemu 12/34` (perf). */
function taskOf(head: string): { comm: string; pid: number; perf: boolean } | null {
  const dash = head.lastIndexOf('-');
  if (dash > 0 && /^\d{1,10}$/.test(head.slice(dash + 1))) {
    return { comm: head.slice(0, dash).trim(), pid: Number(head.slice(dash + 1)), perf: false };
  }
  const space = head.lastIndexOf(' ');
  const pid = /^(\d{1,10})(?:\/(\d{1,10}))?$/.exec(head.slice(space + 1));
  if (space <= 0 || !pid) return null;
  return { comm: head.slice(0, space).trim(), pid: Number(pid[2] ?? pid[1]), perf: true };
}

/** Events the tracer could not keep: `CPU:0 [LOST 17 EVENTS]`, dropped, PERF_RECORD_LOST. Null when none is said. */
export function parseLost(line: string): number | null {
  if (!/LOST|lost|dropped/.test(line)) return null;
  const m =
    /\[LOST (\d+) EVENTS\]|(\d+) (?:dropped|lost) events|PERF_RECORD_LOST(?:_SAMPLES)? lost (\d+)|Lost (\d+) events|lost (\d+) (?:chunks|events)/i.exec(
      line,
    );
  return m ? Number(m[1] ?? m[2] ?? m[3] ?? m[4] ?? m[5]) : null;
}

/** Entries kept and written, from the header of a trace file: fewer kept than written means the oldest are gone. */
export function parseEntries(line: string): { kept: number; written: number } | null {
  const m = /entries-in-buffer\/entries-written: (\d+)\/(\d+)/.exec(line);
  return m ? { kept: Number(m[1]), written: Number(m[2]) } : null;
}
