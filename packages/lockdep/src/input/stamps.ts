/** A line without what the log daemon and printk put before it. */
export interface Stripped {
  readonly text: string;
  readonly stamped: boolean;
  /** `T17509` or `C1`: who spoke, when the kernel says. */
  readonly caller: string;
  readonly kind: string;
}

const MONTH = '[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d';
const SYSLOG = new RegExp(
  `^(?:<\\d{1,3}>)?(?:${MONTH}|\\d{4}-\\d\\d-\\d\\dT[\\d:.,+Z-]{8,24}) \\S{1,64} kernel(?:\\[\\d+\\])?: ?`,
);
const FACILITY = /^(?:kern|user|daemon) {0,3}: ?[a-z]{4,6} {0,3}: ?/;
const PRINTK =
  /^(?:<\d{1,3}>)?\[ {0,8}(\d{1,10}\.\d{3,9})(?:@\d+)?\](?:\[ {0,8}([TC]\d{1,10})\])?(?: {1,3}\(\d\)\[\d+:[^\]]{1,30}\])? ?/;
const HUMAN = new RegExp(`^\\[[A-Z][a-z]{2} ${MONTH} \\d{4}\\](?:\\[ {0,8}([TC]\\d{1,10})\\])? ?`);
const ISO = /^(?:\[)?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,+Z:-]{0,16}\]? (?:\[ {0,8}([TC]\d{1,10})\] )?/;

const NONE: Omit<Stripped, 'text'> = { stamped: false, caller: '', kind: '' };

/** Removes any of the known stamps; a line without one comes back unchanged. */
export function stripStamp(line: string): Stripped {
  const c = line.charCodeAt(0);
  let text = line;
  let kind = '';
  if (c === 32 && /^ \[ {0,8}\d+\.\d/.test(line)) text = line.slice(1);
  else if (c !== 91 && c !== 60) {
    const prefix = SYSLOG.exec(line) ?? FACILITY.exec(line);
    if (prefix) {
      text = line.slice(prefix[0].length);
      kind = 'syslog';
    } else {
      const iso = c >= 48 && c <= 57 ? ISO.exec(line) : null;
      if (!iso) return { text: line, ...NONE };
      return { text: line.slice(iso[0].length), stamped: true, caller: iso[1] ?? '', kind: 'date' };
    }
  }
  const printk = PRINTK.exec(text);
  if (printk) {
    return {
      text: text.slice(printk[0].length),
      stamped: true,
      caller: printk[2] ?? '',
      kind: kind || 'printk',
    };
  }
  const human = HUMAN.exec(text) ?? ISO.exec(text);
  if (human)
    return { text: text.slice(human[0].length), stamped: true, caller: human[1] ?? '', kind: 'date' };
  return kind ? { text, stamped: true, caller: '', kind } : { text: line, ...NONE };
}

/** Removes `> ` marks (and the odd one that a mail program turned into a dot); returns how deep they were. */
export function stripQuotes(line: string, quotedBefore: boolean): { text: string; depth: number } {
  let i = 0;
  let depth = 0;
  while (i < line.length && depth < 20) {
    const c = line.charCodeAt(i);
    const isMark = c === 62 || (c === 124 && depth === 0 && (line.charCodeAt(1) === 32 || line.length === 1));
    if (!isMark) break;
    depth++;
    i++;
    if (line.charCodeAt(i) === 32) i++;
    else if (line.charCodeAt(i) !== 62) break;
  }
  if (depth > 0) return { text: line.slice(i), depth };
  if (quotedBefore && /^\. (?=\[ {0,8}\d+\.\d)/.test(line)) return { text: line.slice(2), depth: 1 };
  return { text: line, depth: 0 };
}
