/** The one line on stderr that says how far a long run is. Rewritten in place on a terminal, silent elsewhere. */
import type { Progress } from './job.ts';

const AFTER_MS = 700;
const EVERY_MS = 200;
const EVERY_MS_IN_LOGS = 10_000;

export interface ProgressLine {
  show(progress: Progress): void;
  /** Takes the line away, so that results stand alone. */
  clear(): void;
}

export function progressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  const began = Date.now();
  const terminal = stream.isTTY === true;
  let last = 0;
  let shown = false;
  return {
    show(progress) {
      const now = Date.now();
      const every = terminal ? EVERY_MS : EVERY_MS_IN_LOGS;
      if (now - began < (terminal ? AFTER_MS : EVERY_MS_IN_LOGS) || now - last < every) return;
      last = now;
      shown = true;
      stream.write(terminal ? `\r\x1b[K${describeProgress(progress)}` : `${describeProgress(progress)}\n`);
    },
    clear() {
      if (shown && terminal) stream.write('\r\x1b[K');
      shown = false;
    },
  };
}

/** 'memslots/stale-mmio-decision: 12,400 executions, 8,100/s, about 40 s left' */
export function describeProgress({ scenario, executions, ms, estimate }: Progress): string {
  const rate = executions / Math.max(ms / 1000, 0.001);
  const parts = [`${count(executions)} executions`, `${count(Math.round(rate))}/s`];
  if (estimate > executions && rate > 0) {
    parts.push(`about ${duration((estimate - executions) / rate)} left`);
  }
  return `${scenario}: ${parts.join(', ')}`;
}

/** 1234567 -> '1,234,567' */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Seconds in words: '0.4 s', '12 s', '3 min', '2.5 h'. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
