/**
 * Words without which a line can begin nothing. One pass over the line; most lines of a log stop here.
 */
const WORDS =
  /WARNING|BUG|INFO: |DEADLOCK|KCSAN|possible |inconsistent lock|nvalid wait|MAX_LOCK|MAX_STACK|Showing all locks|protection fault|divide error|-> #|all lock c|irq_context|lock_stat version|lock-classes:|FD: |contended |tracer:|LOST|KVM Lock Overview|Linux version /;

/** Could this raw line begin a report, a table or a trace? */
export function mayMatter(raw: string): boolean {
  if (WORDS.test(raw)) return true;
  const c = raw.charCodeAt(0);
  // A trace line starts with a task, never with a stamp; a race table with CPU or Thread.
  if (c === 91 || (c === 60 && raw.charCodeAt(1) !== 46)) return false;
  return TRACE.test(raw) || TABLE.test(raw);
}

const TRACE = /^.{2,60} \[\d{3,4}\] /;
const TABLE = /^[> \t]{0,12}(?:v?CPU|VCPU|[Tt]hread|[Tt]ask) ?#?\w{1,8}(?::| {2,})/;
