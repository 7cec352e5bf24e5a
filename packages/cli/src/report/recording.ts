/** One execution as plain data for a page: each row with its source, the locks of its thread, and the SPTEs that it touched. */
import { type Finding, fitRows, type Row, rowsOf, type Trace, type TraceEvent } from '@faultline/explore';
import { type AnyStruct, objects, u32 } from '@faultline/machine';

export interface Recording {
  readonly threads: readonly string[];
  readonly cells: readonly RecordedCell[];
  readonly rows: readonly RecordedRow[];
  /** Numbers of the VM's `struct kvm_config`, under their names in the kernel's spelling; null without a VM. */
  readonly config: Readonly<Record<string, number>> | null;
}

/** A cell called `spte` or `spt[...]`. */
export interface RecordedCell {
  readonly place: string;
  /** Bytes: 4 or 8. */
  readonly size: number;
  /** What stood there before the first row that touches it; in hex, as all values are. */
  readonly first: string;
}

export interface RecordedRow {
  readonly thread: number;
  /** 'finding': what a detector saw, or what a thread waits for at the end. */
  readonly kind: 'event' | 'fence' | 'trace' | 'warn' | 'finding';
  /** Number of the event from 1, as `--trace` prints it; 0 for anything else. */
  readonly number: number;
  readonly text: string;
  readonly step: string;
  /** Outermost call first. */
  readonly frames: readonly { readonly fn: string; readonly at: string; readonly text: string }[];
  /** What its thread then holds: 'kvm->mmu_lock (write)'; null: as before. */
  readonly held: readonly string[] | null;
  /** SPTEs that it touched, by their index in `cells`. */
  readonly touched: readonly { readonly cell: number; readonly before: string; readonly after: string }[];
  /** Whether the diagram shows it too. */
  readonly inDiagram: boolean;
}

const DIAGRAM_ROWS = 20;

/** Wants the arena of the execution still in use. */
export function recordingOf(trace: Trace, finding: Finding | null): Recording {
  const all = rowsOf(trace, finding);
  const shown = new Set(fitRows(all, DIAGRAM_ROWS));
  const cells = new Cells();
  const rows: RecordedRow[] = [];
  const push = (row: Omit<RecordedRow, 'inDiagram'>) => {
    rows.push({ ...row, inDiagram: shown.has(all[rows.length] as Row) });
  };
  const notesAfter = (at: number) => {
    for (const { after, thread, kind, text } of trace.notes)
      if (after === at) push({ ...NOTHING, thread, kind, text });
  };
  notesAfter(-1);
  trace.events.forEach((event, i) => {
    push(rowOf(event, i + 1, cells));
    notesAfter(i);
  });
  for (const { thread, text } of all.slice(rows.length)) push({ ...NOTHING, thread, kind: 'finding', text });
  return { threads: trace.threads, cells: cells.list, rows, config: vmConfig() };
}

const NOTHING = { number: 0, step: '', frames: [], held: null, touched: [] } as const;

function rowOf(event: TraceEvent, number: number, cells: Cells): Omit<RecordedRow, 'inDiagram'> {
  const { thread, text, step, frames, held } = event;
  return {
    thread,
    kind: 'event',
    number,
    text,
    step,
    frames: frames.map(({ fn, file, line, text: source }) => ({ fn, at: `${file}:${line}`, text: source })),
    held: held.map(({ place, how }) => (how === 'read' || how === 'write' ? `${place} (${how})` : place)),
    touched: event.cells
      .filter(({ place }) => isSpte(place))
      .map((cell) => ({ cell: cells.indexOf(cell), before: hex(cell.before), after: hex(cell.after) })),
  };
}

/** 'sp->spt[3]', 'page->spte', but not 'vcpu->sptep'. */
export function isSpte(place: string): boolean {
  return /(^|[>.])(spte|spt\[\d+\])$/.test(place);
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Cells by address, with names that tell two of the same field apart. */
class Cells {
  readonly list: RecordedCell[] = [];
  private readonly byAddr = new Map<number, number>();

  indexOf({ addr, place, size, before }: TraceEvent['cells'][number]): number {
    const known = this.byAddr.get(addr);
    if (known !== undefined) return known;
    const taken = this.list.some((cell) => cell.place === place);
    this.list.push({ place: taken ? `${place} at 0x${addr.toString(16)}` : place, size, first: hex(before) });
    this.byAddr.set(addr, this.list.length - 1);
    return this.list.length - 1;
  }
}

/** What the VM of the execution is; the first one, should there be several. */
function vmConfig(): Record<string, number> | null {
  for (const { type, start } of objects()) {
    for (const { type: field, offset } of type.fields) {
      if (field.inner?.name === 'kvm_config') return wordsOf(field.inner, start + offset);
    }
  }
  return null;
}

/** The plain fields of four bytes. */
function wordsOf(type: AnyStruct, start: number): Record<string, number> {
  const words = type.fields.filter((field) => field.type.plain && field.type.size === 4);
  return Object.fromEntries(words.map(({ name, offset }) => [name, u32[(start + offset) >>> 2] ?? 0]));
}
