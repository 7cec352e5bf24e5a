import type { Report } from './report.ts';

/** Last look at a finished report: drops empty ones, states what is missing. */
export function settleReport(r: Report): Report | null {
  if (r.kind === 'circular') settleCircular(r);
  const firstHeld = r.held[0]?.locks[0];
  if (!r.wanted && firstHeld && (r.kind === 'held-at-return' || r.kind === 'held-at-exit'))
    r.wanted = firstHeld;
  for (const list of r.held) {
    if (list.locks.length < list.declared) {
      const who = list.task ? ` by ${list.task.comm}/${list.task.pid}` : '';
      say(r, `${list.declared} locks were held${who}; the text shows ${list.locks.length}.`);
    }
  }
  if (needsStack(r) && r.stack.length === 0) say(r, 'The backtrace is missing.');
  if (isEmpty(r)) say(r, 'Only the headline is left: another message interrupted the report.');
  return r;
}

function settleCircular(r: Report): void {
  if (r.chain.length === 0 && r.shown.length === 0) {
    say(r, 'The dependency chain is missing: only the new edge and the held lock are known.');
  }
  const indexes = r.chain.map((l) => l.index).sort((a, b) => a - b);
  const missing = indexes.filter((n, i) => n !== i);
  if (missing.length > 0)
    say(r, `The dependency chain is incomplete: links ${indexes.map((n) => `#${n}`).join(', ')} only.`);
  if (!r.wanted && r.chain.length > 0) {
    const zero = r.chain.find((l) => l.index === 0);
    const top = r.chain.reduce((a, b) => (a.index > b.index ? a : b));
    if (zero) r.wanted = zero.ref;
    if (top !== zero) r.holding = top.ref;
  }
}

function needsStack(r: Report): boolean {
  return !['all-locks-held', 'limit', 'kcsan'].includes(r.kind) && r.kind !== 'held-at-return';
}

function isEmpty(r: Report): boolean {
  return (
    !r.wanted &&
    !r.task &&
    r.chain.length === 0 &&
    r.held.length === 0 &&
    r.stack.length === 0 &&
    r.accesses.length === 0 &&
    r.kind !== 'limit' &&
    r.kind !== 'oops' &&
    r.kind !== 'stall'
  );
}

function say(r: Report, loss: string): void {
  if (!r.losses.includes(loss)) r.losses.push(loss);
}
