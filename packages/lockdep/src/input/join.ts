import type { Line } from './line.ts';

/** Beginnings by which a line is its own, not the rest of one that a mail program wrapped. */
const OWN_LINE =
  /^(?:\s|#\d+:|->|=>|\[|\.\.\.|={5}|-{5}|\d+ locks? held|no locks held|[0-9a-f]{8,16} \(|\([^)]{1,80}\)\{|CPU|Call [Tt]race|Backtrace|WARNING|BUG|INFO|but |and |which |other info|the existing|the dep|stack back|Possible |May be|lock\(|local_irq|\*\*\*|<|RIP|RSP|R[A-Z0-9]{2}:|Code:|Hardware|Workqueue|Modules|read to|write to|value changed|Reported|Showing|Chain exists|irq event|hardirqs|softirqs|inconsistent|context-|in_atomic|Preemption|\{|\}|\? |irq_context|Signed-off)/;
const FRAME = /^\(?(?:\[<[0-9a-f]+>\] )?(?:\? )?[A-Za-z_][\w.]*\+0x[0-9a-f]+\/0x/;
const TASK_LINE = /^\S{1,40}\/\d{1,10} (?:is |just |\[HC)/;
const TRACE = /^\s*\S.{0,58} \[\d{3,4}\] /;
/** A lock line that stops before its place, a sentence that stops before its lock, a lone address. */
const UNFINISHED =
  /(?:, at:(?: \[<[0-9a-f]+>\]| [\w.]+)?|to release lock|\bfrom|\} ->|is trying|to acquire|--> \S{0,40}|called from invalid|context at)$|^(?: ?#\d+: {1,3})?[0-9a-f]{8,16}$/;

/** Prose between the lines of a quoted report is nobody's head. */
function isReportText(text: string): boolean {
  const t = text.trimStart();
  return (
    text.includes('){') ||
    UNFINISHED.test(t) ||
    OWN_LINE.test(text) ||
    FRAME.test(t) ||
    TASK_LINE.test(t) ||
    TRACE.test(text)
  );
}

/** Would the first word of `next` have made `line` longer than a mail line? */
export function isCutAt(line: Line, next: Line): boolean {
  const tail = next.text.trimStart();
  const space = tail.indexOf(' ');
  return line.width <= 80 && line.width + 1 + (space < 0 ? tail.length : space) > 70;
}

/** Is `next` the tail of `line`, cut off by a mail program at 60 to 80 columns? */
export function joinable(line: Line, next: Line): boolean {
  const tail = next.text.trimStart();
  if (tail === '' || line.text.trim() === '' || line.width > 80 || next.stamped) return false;
  if (!isCutAt(line, next)) return false;
  if (TRACE.test(next.text) || !isReportText(line.text)) return false;
  // With stamps on every real line, an unstamped one after a long line can only be its tail.
  if (line.stamped) return !/^\s/.test(next.text) || line.width > 66;
  if (UNFINISHED.test(line.text.trimEnd())) return !TASK_LINE.test(tail);
  if (FRAME.test(tail) || OWN_LINE.test(next.text) || TASK_LINE.test(tail)) return false;
  return line.width >= 40;
}
