import type { GracePeriods } from '../proc/chains.ts';
import type { Contradiction, GraphCheck, LeafNesting, Seen } from '../rules/graph-check.ts';
import { cite } from '../rules/judge.ts';
import { isKvmLock } from '../rules/names.ts';
import { originOf } from '../rules/possible.ts';
import type { Rule, RuleBook } from '../rules/rule.ts';
import { listOf, type Style, wrap } from './style.ts';

/** A document as rules, with what it says against itself. */
export function bookText(book: RuleBook, style: Style): string[] {
  const out = [
    style.strong(`${book.document}: ${book.rules.length} rules, ${book.entries.length} locks described`),
  ];
  for (const rule of book.rules)
    out.push(...wrap(`line ${rule.source.line}: ${rule.says}`, style.width, '  ', '    '));
  for (const e of book.entries)
    out.push(
      ...wrap(
        `line ${e.line}: ${e.name} (${e.type ?? 'type not given'}; ${e.arch ?? 'any'}) protects ${(e.protects ?? '?').replace(/\s+/g, ' ')}`,
        style.width,
        '  ',
        '    ',
      ).map(style.dim),
    );
  for (const u of book.unread)
    out.push(...wrap(`line ${u.line}: not understood as a rule: ${u.text}`, style.width, '  ', '    '));
  return [...out, ...doubtsText(book, style)];
}

export function doubtsText(book: RuleBook, style: Style): string[] {
  if (book.doubts.length === 0) return [];
  return [
    '',
    style.strong('The document against itself'),
    ...book.doubts.flatMap((d) =>
      wrap(`${book.document}, line ${d.line}: ${d.text}`, style.width, '  ', '    ').map(style.bad),
    ),
  ];
}

/** A document against a graph, both directions. */
export function checkText(book: RuleBook, check: GraphCheck, style: Style): string[] {
  const out: string[] = [];
  out.push(style.strong('Orders that were seen and that the document forbids'));
  if (check.contradictions.length === 0) out.push('  none');
  for (const c of check.contradictions) out.push(...contradictionText(c, style));
  out.push(...possibleText(check, style));
  out.push(
    '',
    style.strong('Nested inside what the document calls a leaf'),
    ...leavesText(check.leaves, book, style),
  );
  out.push('', style.strong('Documented orders that this graph never shows'));
  if (check.neverSeen.length === 0) out.push('  none');
  for (const n of check.neverSeen) {
    const why =
      n.absent.length > 0
        ? ` (the graph has no ${listOf(n.absent)})`
        : ' (both locks are there, the order was never taken)';
    out.push(...wrap(`${n.rule.says} (${cite(n.rule)})${why}`, style.width, '  ', '    '));
  }
  out.push(
    '',
    style.strong('Documented orders that were seen'),
    ...check.confirmed.flatMap((r) =>
      wrap(`${r.says} (${cite(r)})`, style.width, '  ', '    ').map(style.good),
    ),
  );
  out.push(...graceText(check.grace, style));
  if (check.misspelt.length > 0) {
    out.push('', style.strong('Names that the graph spells otherwise'));
    for (const m of check.misspelt)
      out.push(
        ...wrap(
          `${book.document}, line ${m.line}: ${m.name}; the class is ${m.cls}`,
          style.width,
          '  ',
          '    ',
        ).map(style.bad),
      );
  }
  if (check.undecided.length > 0) {
    out.push('', style.strong('Not decided by these files'));
    for (const u of check.undecided) out.push(...wrap(`${u.rule.says}: ${u.why}`, style.width, '  ', '    '));
  }
  out.push(
    '',
    ...wrap(
      'A recorded graph shows what ran: what it lacks proves nothing. Edges of /proc/lockdep do not say how their first lock was held, so no deadlock is claimed as certain here.',
      style.width,
    ).map(style.dim),
  );
  return [...out, ...doubtsText(book, style)];
}

function contradictionText(c: Contradiction, style: Style): string[] {
  const chain = c.seen.chain ? `; chain: ${c.seen.chain.join(' -> ')}` : '';
  return wrap(
    `${c.seen.outer} -> ${c.seen.inner} was seen (${c.seen.how}${chain}), but ${c.rule.says} (${cite(c.rule)})`,
    style.width,
    '  ',
    '    ',
  ).map(style.bad);
}

function possibleText(check: GraphCheck, style: Style): string[] {
  if (check.possible.length === 0) return [];
  const out = ['', style.strong('Deadlocks that seen and documented orders allow together (possible)')];
  for (const c of check.possible.slice(0, 20)) {
    const steps = c.edges.map((e) => `${e.from} -> ${e.to} (${originOf(e)})`);
    out.push(...wrap(steps.join(', '), style.width, '  ', '    ').map(style.bad));
  }
  if (check.possible.length > 20) out.push(`  and ${check.possible.length - 20} more`);
  return out;
}

function leavesText(leaves: readonly LeafNesting[], book: RuleBook, style: Style): string[] {
  if (leaves.length === 0) return ['  none'];
  const rule = book.rules.find((r) => r.kind === 'leaf');
  const out = rule ? wrap(`${rule.says} (${cite(rule)})`, style.width, '  ', '    ') : [];
  for (const l of leaves) {
    if (l.kvm.length > 0)
      out.push(
        ...wrap(`${l.leaf} -> ${listOf(l.kvm.map(seenName), 40)}`, style.width, '  ', '    ').map(style.bad),
      );
  }
  for (const l of leaves) {
    if (l.kernel.length > 0)
      out.push(
        ...wrap(
          `${l.leaf} -> the kernel's own: ${listOf(
            l.kernel.map((s) => s.inner),
            40,
          )}`,
          style.width,
          '  ',
          '    ',
        ),
      );
  }
  return out;
}

function seenName(s: Seen): string {
  return s.how === 'direct' ? s.inner : `${s.inner} (in a chain)`;
}

export function graceText(grace: readonly GracePeriods[], style: Style): string[] {
  const held = grace.filter((g) => g.across.length > 0);
  if (held.length === 0) return [];
  const out = ['', style.strong('Held across synchronize_srcu')];
  for (const g of held) {
    out.push(
      ...wrap(`synchronize_srcu(${g.domain}) with ${listOf(g.across)} held`, style.width, '  ', '    '),
    );
    const kvm = g.inside.filter(isKvmLock);
    if (kvm.length > 0)
      out.push(
        ...wrap(`taken inside its readers: ${listOf(kvm, 40)}`, style.width, '    ', '      ').map(style.dim),
      );
    const verdict =
      g.both.length > 0
        ? `in both sets: ${listOf(g.both)}: a deadlock is possible`
        : 'no lock is in both sets';
    out.push(...wrap(verdict, style.width, '    ', '      ').map(g.both.length > 0 ? style.bad : style.good));
  }
  return out;
}

/** Rules or edges that only one of two inputs has. */
export function diffText(
  what: string,
  added: readonly string[],
  removed: readonly string[],
  style: Style,
): string[] {
  if (added.length === 0 && removed.length === 0) return [`No difference in ${what}.`];
  return [...removed.map((r) => style.bad(`- ${r}`)), ...added.map((a) => style.good(`+ ${a}`))];
}

export function ruleLine(rule: Rule): string {
  return `${rule.says} (line ${rule.source.line})`;
}
