import { parseLockName, sameLock, samePath } from './names.ts';
import { type LockEntry, NOTIFIER, type Rule, type RuleBook } from './rule.ts';
import { cutSections, locksIn, type Section, type Sentence, sentencesOf } from './sentences.ts';

/**
 * Reads KVM's lock document, any version from the 2012 locking.txt on, as rules with line numbers.
 * The text may have lost its indentation, its blank lines or its markup.
 * @param document name to quote, usually the path
 */
export function parseLockingDocument(text: string, document: string): RuleBook {
  const sections = cutSections(text.length > 2_000_000 ? text.slice(0, 2_000_000) : text);
  const rules: Rule[] = [];
  const unread: { line: number; text: string }[] = [];
  for (const section of sections) {
    if (!/^Acquisition/i.test(section.title)) continue;
    readOrders(section, document, rules, unread);
  }
  const entries = sections.filter((s) => /^Reference/i.test(s.title)).flatMap(readEntries);
  rules.sort((a, b) => a.source.line - b.source.line);
  return { document, rules, entries, unread, doubts: findDoubts(rules, entries) };
}

/** Does this look like the lock document at all? */
export function isLockingDocument(text: string): boolean {
  return /KVM Lock Overview/.test(text) || (/Acquisition Orders/.test(text) && /taken outside/.test(text));
}

type Unread = { line: number; text: string }[];

function readOrders(section: Section, document: string, rules: Rule[], unread: Unread): void {
  let theseLocks: string[] = [];
  let lastSrcu = 'kvm->srcu';
  for (const sentence of sentencesOf(section)) {
    const before = rules.length;
    const { text } = sentence;
    const srcu = /([a-z_]+->[a-z_.]*srcu)/.exec(text);
    if (srcu) lastSrcu = srcu[1] ?? lastSrcu;
    orderRules(sentence, document, rules);
    const under = syncRules(sentence, document, lastSrcu, rules);
    if (under.length > 0) theseLocks = under;
    insideRules(sentence, document, lastSrcu, theseLocks, rules);
    heldRules(sentence, document, rules);
    if (/everything else is a leaf/i.test(text)) {
      rules.push({
        kind: 'leaf',
        lock: null,
        ...at(sentence, document, 'leaf', 'every lock not named as an outer one is a leaf'),
      });
    }
    if (rules.length === before && locksIn(text).length > 0 && !isRemark(text))
      unread.push({ line: sentence.line, text });
  }
}

/** Explanations that carry no rule of their own: types, examples, warnings. */
function isRemark(text: string): boolean {
  return /^\S+ vs \S+:$|\b(?:is an rwlock|problematic|Use caution|ensures that|If you cannot|used for|following is|srcu_read_lock\(|mutex_lock\()/.test(
    text,
  );
}

function at(sentence: Sentence, document: string, key: string, says: string) {
  const word = sentence.words.find((w) => w.word.includes(key));
  return { source: { document, line: word?.line ?? sentence.line }, says };
}

function orderRules(sentence: Sentence, document: string, rules: Rule[]): void {
  const m = /^(.{0,300}?)\b(?:is|are) taken (outside|inside)(?: of)? (.{1,300})$/.exec(
    clauseWith(sentence.text, / taken (?:outside|inside)/),
  );
  if (!m) return;
  const subjects = locksIn(m[1] ?? '');
  const objects = locksIn((m[3] ?? '').split(/, (?:though|and cannot|therefore)| therefore/)[0] ?? '');
  if (objects.some((o) => o.endsWith('srcu'))) return;
  for (const s of subjects) {
    for (const o of objects) {
      const [outer, inner] = m[2] === 'outside' ? [s, o] : [o, s];
      rules.push({
        kind: 'order',
        outer,
        inner,
        ...at(sentence, document, s, `${outer} is taken outside ${inner}`),
      });
    }
  }
}

function syncRules(sentence: Sentence, document: string, srcu: string, rules: Rule[]): string[] {
  const { text } = sentence;
  const called = /synchronize_srcu\b.{0,60}? is called _?inside_? (.{1,200})$/.exec(text);
  if (called) {
    const locks = locksIn((called[1] ?? '').split(/, therefore/)[0] ?? '').filter((l) => !l.endsWith('srcu'));
    for (const lock of locks)
      rules.push({
        kind: 'synchronize',
        domain: srcu,
        lock,
        allowed: true,
        ...at(
          sentence,
          document,
          'synchronize_srcu',
          `synchronize_srcu(&${srcu}) is called with ${lock} held`,
        ),
      });
    return locks;
  }
  const released = /(\S+) (?:instead )?is released before (?:the call to )?`*synchronize_srcu/.exec(text);
  const dropped = released ? locksIn(released[1] ?? '')[0] : undefined;
  if (dropped)
    rules.push({
      kind: 'synchronize',
      domain: srcu,
      lock: dropped,
      allowed: false,
      ...at(sentence, document, dropped, `${dropped} is dropped before synchronize_srcu(&${srcu})`),
    });
  const cannot = /synchronize_srcu\b.{0,40}? cannot be called inside a (\S+) critical section/.exec(text);
  const barred = cannot ? locksIn(cannot[1] ?? '')[0] : undefined;
  if (barred)
    rules.push({
      kind: 'synchronize',
      domain: srcu,
      lock: barred,
      allowed: false,
      ...at(
        sentence,
        document,
        'synchronize_srcu',
        `synchronize_srcu(&${srcu}) is not called with ${barred} held`,
      ),
    });
  return [];
}

function insideRules(
  sentence: Sentence,
  document: string,
  srcu: string,
  these: readonly string[],
  rules: Rule[],
): void {
  const text = sentence.text.replace(/_(can|cannot|inside)_/g, '$1');
  const notifier = /MMU notifiers must not take (?:either )?(.{1,200})$/.exec(text);
  for (const lock of notifier ? locksIn(notifier[1] ?? '') : []) {
    rules.push({
      kind: 'not-inside',
      lock,
      section: NOTIFIER,
      ...at(sentence, document, 'must', `${NOTIFIER} does not take ${lock}`),
    });
  }
  const taken = /(\S+) is taken inside (\S+srcu)\b/.exec(text);
  const reader = taken ? locksIn(taken[1] ?? '')[0] : undefined;
  if (reader)
    rules.push({
      kind: 'may-inside',
      lock: reader,
      section: srcu,
      ...at(sentence, document, reader, `${reader} may be taken inside a read section of ${srcu}`),
    });
  if (!/read-side critical section/.test(text)) return;
  const bar = (lock: string, key: string) =>
    rules.push({
      kind: 'not-inside',
      lock,
      section: srcu,
      ...at(sentence, document, key, `${lock} is not taken inside a read section of ${srcu}`),
    });
  if (/These locks cannot be taken inside/.test(text)) for (const lock of these) bar(lock, 'cannot');
  const direct = /(?:while|therefore) (\S+) cannot(?: be taken inside|[.]?$)/.exec(text);
  const barred = direct ? locksIn(direct[1] ?? '')[0] : undefined;
  if (barred) bar(barred, 'cannot');
  const may =
    /(\S+) (?:can (?:therefore )?|(?:instead )?is released before .{0,60}? and can )be taken inside a/.exec(
      text,
    );
  const named = may ? locksIn(may[1] ?? '')[0] : undefined;
  const it = /^It can (?:therefore )?be taken inside/.test(text) ? lastDropped(rules) : undefined;
  const free = named ?? it;
  if (free)
    rules.push({
      kind: 'may-inside',
      lock: free,
      section: srcu,
      ...at(sentence, document, 'can', `${free} may be taken inside a read section of ${srcu}`),
    });
}

function lastDropped(rules: readonly Rule[]): string | undefined {
  for (let i = rules.length - 1; i >= 0; i--) {
    const rule = rules[i];
    if (rule?.kind === 'synchronize' && !rule.allowed) return rule.lock;
  }
  return undefined;
}

function heldRules(sentence: Sentence, document: string, rules: Rule[]): void {
  const { text } = sentence;
  const without = /cannot be taken without already holding (\S+)/.exec(text);
  const also = /critical sections for (.{1,160}?) must also take (\S+)/.exec(text);
  const held = locksIn(without?.[1] ?? also?.[2] ?? '')[0];
  if (!held) return;
  const subject = also ? (also[1] ?? '') : (text.split(/ (?:is|are) taken inside/)[0] ?? '');
  const key = also ? 'must' : 'cannot';
  for (const lock of locksIn(subject)) {
    if (sameLock(lock, held)) continue;
    rules.push({
      kind: 'requires-held',
      lock,
      held,
      ...at(sentence, document, key, `${lock} is only taken with ${held} held`),
    });
  }
}

/** The part of a sentence, between commas or semicolons, that holds the verb; whole when there is one clause. */
function clauseWith(text: string, verb: RegExp): string {
  const clauses = text.split(/; /);
  return clauses.find((c) => verb.test(c)) ?? text;
}

function readEntries(section: Section): LockEntry[] {
  const found: { name: string; line: number; fields: Record<string, string> }[] = [];
  let field = '';
  section.lines.forEach(({ line, text }, i) => {
    const t = text.trim();
    const next = section.lines[i + 1]?.text ?? '';
    const titled = /^``([\w>:.-]+)``$/.exec(t) ?? (/^\^{3,}\s*$/.test(next) ? /^([\w>:.-]+)$/.exec(t) : null);
    const named = /^(?:\d+\. )?Name:\s+(\S+)/.exec(t);
    const entry = titled ?? named;
    if (entry) {
      found.push({ name: entry[1] ?? '', line, fields: {} });
      field = '';
      return;
    }
    const current = found[found.length - 1];
    if (!current || t === '') return;
    const key = /^:?(Type|Arch|Protects|Comment):\s*(.*)$/.exec(t);
    if (key) {
      field = (key[1] ?? '').toLowerCase();
      current.fields[field] = key[2] ?? '';
    } else if (field !== '' && !/^\^+$/.test(t)) current.fields[field] = `${current.fields[field]} ${t}`;
  });
  return found.map((f) => ({ name: f.name, line: f.line, ...f.fields }));
}

/** What a document says against itself: one lock under two paths, names in comments that nothing defines. */
function findDoubts(rules: readonly Rule[], entries: readonly LockEntry[]): { line: number; text: string }[] {
  const doubts = new Map<string, { line: number; text: string }>();
  for (const rule of rules) {
    for (const lock of locksOfRule(rule)) {
      const entry = entries.find(
        (e) => sameLock(e.name, lock) && parseLockName(e.name).owner === parseLockName(lock).owner,
      );
      if (entry && !samePath(entry.name, lock) && !doubts.has(lock)) {
        doubts.set(lock, {
          line: rule.source.line,
          text: `calls the lock ${lock}; its own reference section (line ${entry.line}) calls it ${entry.name}: one of the two fields does not exist`,
        });
      }
    }
  }
  for (const entry of entries) {
    for (const word of new Set(locksIn(`${entry.comment ?? ''} ${entry.protects ?? ''}`))) {
      const known =
        entries.some((e) => sameLock(e.name, word)) ||
        rules.some((r) => locksOfRule(r).some((l) => sameLock(l, word)));
      if (known || doubts.has(word) || /^(?:cpus_|cpu_hotplug)/.test(word)) continue;
      doubts.set(word, {
        line: entry.line,
        text: `the entry of ${entry.name} speaks of ${word}, which the document does not define: an old name?`,
      });
    }
  }
  return [...doubts.values()].sort((a, b) => a.line - b.line);
}

export function locksOfRule(rule: Rule): string[] {
  switch (rule.kind) {
    case 'order':
      return [rule.outer, rule.inner];
    case 'requires-held':
      return [rule.lock, rule.held];
    case 'leaf':
      return rule.lock === null ? [] : [rule.lock];
    default:
      return [rule.lock];
  }
}
