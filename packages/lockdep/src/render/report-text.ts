import type { Edge } from '../graph/graph.ts';
import { askingOf, spell, tellingFrames } from '../reports/acquire.ts';
import type { Analysis } from '../reports/analysis.ts';
import { entryPoint, ioctlName } from '../reports/entry.ts';
import { formatFrame } from '../reports/frames.ts';
import type { LockRef } from '../reports/lock-ref.ts';
import { formatTask, type HeldList, type Report } from '../reports/report.ts';
import { cite } from '../rules/judge.ts';
import { cpuTable } from './cpu-table.ts';
import { factsOf, meaningOf } from './kinds.ts';
import { listOf, type Style, wrap } from './style.ts';

/** One report as text: what it is, who held what, the whole cycle, the rule, whether it closes, the table. */
export function reportText(r: Report, a: Analysis, style: Style): string[] {
  const out = [style.strong(style.bad(a.title)), ...headOf(r, style)];
  out.push('', ...wrap(meaningOf(r), style.width));
  if (r.afterLockdepOff) out.push(...wrap(OFF, style.width));
  const who = whoOf(r);
  if (who.length > 0)
    out.push('', style.strong('Who held what'), ...who.flatMap((w) => wrap(w, style.width, '  ', '    ')));
  if (a.cycle.length > 1)
    out.push('', style.strong(`The whole cycle (${a.cycle.length} edges)`), ...cycleText(a.cycle, style));
  const facts = factsOf(r);
  if (facts.length > 0)
    out.push(
      '',
      style.strong('What else it says'),
      ...facts.flatMap((f) => wrap(f, style.width, '  ', '    ')),
    );
  out.push(...ruleText(a, style));
  if (a.closing.length > 0)
    out.push(
      '',
      style.strong('Can it close?'),
      ...a.closing.flatMap((c) => wrap(c, style.width, '  - ', '    ')),
    );
  const table = cpuTable(a.cycle, a.interrupt);
  if (table.length > 0)
    out.push('', style.strong('For the commit message'), ...table.map((t) => `  ${t}`.trimEnd()));
  if (a.cycle.length === 0 && r.stack.length > 0)
    out.push('', style.strong('Call path'), ...stackText(r, style));
  if (r.losses.length > 0)
    out.push(
      '',
      style.strong('Lost in this text'),
      ...r.losses.flatMap((l) => wrap(l, style.width, '  - ', '    ')),
    );
  return out;
}

const OFF =
  'Lockdep had already switched itself off by a report above: this one is from another boot, or cannot be trusted. Its lists of held locks may be stale.';

function headOf(r: Report, style: Style): string[] {
  const parts = [`lines ${r.first}-${r.last}`];
  if (r.kernel) parts.push(`kernel ${r.kernel}`);
  if (r.task) parts.push(`task ${formatTask(r.task)}${r.cpu === undefined ? '' : ` on CPU ${r.cpu}`}`);
  if (r.foreignLines > 0)
    parts.push(`${r.foreignLines} line${r.foreignLines === 1 ? '' : 's'} of others in between`);
  return wrap(`${r.headline}; ${parts.join('; ')}`, style.width).map(style.dim);
}

function lockText(ref: LockRef): string {
  const at = ref.at ? ` (${formatFrame(ref.at)})` : '';
  return `${ref.lock.name}${at}`;
}

function whoOf(r: Report): string[] {
  const said: string[] = [];
  const who = r.task ? formatTask(r.task) : 'the task';
  const request = r.user ? ioctlName(r.user) : null;
  const via = request ?? entryPoint(r.stack);
  if (r.kind === 'bad-unlock-balance' && r.wanted) {
    const at = r.paths.find((p) => p.label === 'released at')?.frames[0];
    said.push(`${who} releases ${r.wanted.lock.name}${at ? ` in ${formatFrame(at)}` : ''}.`);
  } else if (r.wanted && r.holding) {
    said.push(`${who} holds ${lockText(r.holding)}`);
    said.push(`and asks for ${lockText(r.wanted)}${asked(r)}.`);
  } else if (r.kind === 'held-lock-freed' && r.wanted) {
    said.push(`${who} frees the memory of ${lockText(r.wanted)} while it is held.`);
  } else if (r.wanted && r.kind !== 'held-at-return') said.push(`${who} asks for ${lockText(r.wanted)}.`);
  if (via)
    said.push(
      `It got there by ${via}${request && r.user ? ` (ioctl request 0x${r.user.request.toString(16)} in the registers)` : ''}.`,
    );
  for (const list of r.held) if (!isRepeated(list, r)) said.push(heldText(list, r));
  return said;
}

/** The kernel prints "lock" for a grace period too: say what it really is. */
function asked(r: Report): string {
  const path = r.chain.find((l) => l.index === 0)?.path ?? r.stack;
  const asking = askingOf(r.wanted?.lock.name ?? '', path);
  if (asking.want === 'synchronize' || r.wanted?.at?.fn.includes('synchronize_srcu')) {
    return ': not a lock but a wait for its readers, synchronize_srcu()';
  }
  return asking.op === 'lock' ? '' : ` with ${asking.op}()`;
}

/** The one lock held is the one named above. */
function isRepeated(list: HeldList, r: Report): boolean {
  return list.locks.length === 1 && list.locks[0]?.lock.name === r.holding?.lock.name && list.declared === 1;
}

function heldText(list: HeldList, r: Report): string {
  const who = list.task ? formatTask(list.task) : 'a task';
  if (list.locks.length === 0)
    return list.declared === 0
      ? `${who} holds no lock.`
      : `${who} holds ${list.declared} locks; they are not in the text.`;
  const names = list.locks.map((l) => (r.kind === 'all-locks-held' ? lockText(l) : l.lock.name));
  return `Held by ${who}: ${listOf(names, 48)}.`;
}

function cycleText(cycle: readonly Edge[], style: Style): string[] {
  const out: string[] = [];
  cycle.forEach((edge, i) => {
    out.push(`  ${i + 1}. ${style.bad(edge.from)} -> ${style.bad(edge.to)}`);
    const what =
      edge.op === 'interrupt'
        ? `an interrupt that takes ${edge.to}`
        : `holding ${holding(edge)}, ${spell(edge.op ?? 'lock', edge.to)}`;
    out.push(...wrap(what, style.width, '       '));
    const frames = tellingFrames(edge.path).slice(0, 5);
    if (frames.length > 0)
      out.push(
        ...wrap(frames.map((f) => f.fn).join(' <- '), style.width, '       ', '         ').map(style.dim),
      );
    else out.push(style.dim('       (the text does not show the call path of this edge)'));
    const via = entryPoint(edge.path);
    if (via) out.push(...wrap(`by ${via}`, style.width, '       ').map(style.dim));
  });
  return out;
}

function holding(edge: Edge): string {
  return edge.held === 'shared' ? `a read section of ${edge.from}` : edge.from;
}

function ruleText(a: Analysis, style: Style): string[] {
  const known = a.broken.length + a.obeyed.length + a.later.length;
  if (a.cycle.length === 0 || (a.cycle.length === 1 && known === 0)) return [];
  const out = ['', style.strong('The rule')];
  const say = (text: string) => wrap(text, style.width, '  ', '    ');
  for (const v of a.broken) out.push(...say(`BROKEN (certain): ${v.text} (${cite(v.rule)}).`).map(style.bad));
  for (const v of a.later) {
    out.push(
      ...say(
        `Not forbidden by the document in use; a later text forbids it: ${v.text} (${cite(v.rule)}).`,
      ).map(style.bad),
    );
  }
  for (const v of a.obeyed) out.push(...say(`Documented: ${v.text} (${cite(v.rule)}).`));
  if (a.broken.length + a.later.length === 0) {
    out.push(
      ...say(
        'No written rule that we know forbids one of these orders; the cycle is what is wrong (possible).',
      ),
    );
  } else if (a.strong !== false)
    out.push(...say('And the cycle above is possible: two separate statements.'));
  return out;
}

function stackText(r: Report, style: Style): string[] {
  const frames = tellingFrames(r.stack).slice(0, 8);
  return frames.map((f) => style.dim(`  ${formatFrame(f)}`));
}
