/** The table of a page: a column for each thread, a row for each event, complete without any script. */
import { fieldStates, type State } from './html-states.ts';
import { type Html, html, NOTHING } from './html-text.ts';
import type { RecordedRow, Recording } from './recording.ts';
import type { Decoder } from './spte-bits.ts';

export function table(recording: Recording, states: readonly State[], decoders: readonly Decoder[]): Html {
  const { threads, rows } = recording;
  const heads = threads.map((name) => html`<th scope="col" class="thread">${name}</th>`);
  const body = rows.map((row, i) => rowOf({ recording, states, decoders }, row, i));
  return html`<table id="steps">
<thead><tr><th scope="col" class="n">#</th>${heads}<th scope="col">locks held</th><th scope="col">source</th></tr></thead>
<tbody>
${body}</tbody>
</table>`;
}

interface Context {
  readonly recording: Recording;
  readonly states: readonly State[];
  readonly decoders: readonly Decoder[];
}

function rowOf(context: Context, row: RecordedRow, i: number): Html {
  const { recording, states } = context;
  const before = states[i - 1]?.held;
  const cells = recording.threads.map((_, t) =>
    t === row.thread ? html`<td class="does">${does(context, row)}</td>` : html`<td></td>`,
  );
  const number = row.number === 0 ? '' : String(row.number);
  const changes = row.touched.some(({ before: was, after }) => was !== after);
  const classes = [
    row.kind,
    ...(row.inDiagram ? [] : ['minor']),
    ...(changes ? ['changes'] : []),
    ...(i > 0 && recording.rows[i - 1]?.thread !== row.thread ? ['switch'] : []),
  ];
  return html`<tr id="s${i + 1}" class="${classes.join(' ')}"><td class="n"><a href="#s${i + 1}">${number}</a></td>${cells}<td class="held">${heldBy(recording, states[i] as State, before)}</td><td class="source">${source(row)}</td></tr>
`;
}

function does({ recording, decoders }: Context, row: RecordedRow): Html {
  const step = row.step === '' ? NOTHING : html` <span class="step">${row.step}</span>`;
  const strips = row.touched.map(({ cell, before, after }) => {
    const name = recording.cells.length > 1 ? (recording.cells[cell]?.place ?? '') : '';
    return strip(name, decoders[cell] as Decoder, BigInt(before), BigInt(after));
  });
  return html`<code>${row.text}</code>${step}${strips}`;
}

/** 'MW HW pfn 1 P D A X W R', highest bit first, those that are set standing out, those that changed marked. */
function strip(name: string, decode: Decoder, was: bigint, value: bigint): Html {
  const { says, fields } = decode(value);
  const bits = fieldStates(fields, value, was)
    .reverse()
    .filter((field) => field.quiet !== true || field.value !== field.was)
    .map((field) => {
      const changed = field.value !== field.was;
      const classes = [field.value === 0n ? 'off' : 'on', ...(changed ? ['changed'] : [])].join(' ');
      const wide =
        field.hi > field.lo ? html` ${changed ? `${field.was}→` : ''}${String(field.value)}` : NOTHING;
      const tip = `${field.name}: ${changed ? `${field.was} → ` : ''}${field.value}`;
      return html`<i class="${classes}" title="${tip}">${field.tag}${wide}</i>`;
    });
  const label = name === '' ? NOTHING : html`<b>${name}</b> `;
  const words = says === '' ? NOTHING : html` <span class="says">${says}</span>`;
  return html`<span class="strip">${label}${bits}${words}</span>`;
}

/** A line for each thread that holds something; new locks stand out. */
function heldBy({ threads }: Recording, { held }: State, before: State['held'] | undefined): Html[] {
  return held.flatMap((locks, t) => {
    if (locks.length === 0) return [];
    const old = before?.[t] ?? [];
    const names = locks.map(
      (lock, k) => html`<span class="${old[k] === lock ? 'lock' : 'lock new'}">${lock}</span>`,
    );
    return [html`<div><b>${threads[t] as string}</b> ${names}</div>`];
  });
}

/** The innermost call that is no operation of the vocabulary: who takes the lock, not how locks are taken. */
function source({ frames }: RecordedRow): Html {
  const last = frames.findLast(({ at }) => !at.startsWith('packages/machine/')) ?? frames.at(-1);
  if (last === undefined) return NOTHING;
  return html`<span class="fn">${last.fn}()</span> <span class="at" title="${last.at}">${last.at.split('/').slice(-2).join('/')}</span>`;
}
