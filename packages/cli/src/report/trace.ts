/** Every event of an execution, one line each, with where it stands in the source. */
import type { Trace, TraceNote } from '@faultline/explore';

const MARKS: Readonly<Record<TraceNote['kind'], string>> = { fence: '', trace: 'trace: ', warn: 'WARN: ' };

/** '  12  ioctl  rcu_assign_pointer(...)   [memslots.publish_slots]  install_new_memslots memslots.ts:48' */
export function traceText(trace: Trace): string {
  const width = Math.max(...trace.threads.map((name) => name.length));
  const lines = notesAfter(trace, -1, width);
  trace.events.forEach(({ thread, text, frames, step }, i) => {
    const name = (trace.threads[thread] ?? '').padEnd(width);
    const last = frames.at(-1);
    const place = last === undefined ? '' : `  ${last.fn} ${last.file}:${last.line}`;
    const named = step === '' ? '' : `  [${step}]`;
    lines.push(`${String(i + 1).padStart(4)}  ${name}  ${text}${named}${place}`);
    lines.push(...notesAfter(trace, i, width));
  });
  return lines.join('\n');
}

function notesAfter(trace: Trace, at: number, width: number): string[] {
  return trace.notes
    .filter(({ after }) => after === at)
    .map(
      ({ thread, kind, text }) =>
        `      ${(trace.threads[thread] ?? '').padEnd(width)}  ${MARKS[kind]}${text}`,
    );
}
