/** What the repair stage had to do before a log could be read; printed, so that nobody is surprised. */
export interface Repairs {
  quoted: number;
  joined: number;
  softBreaks: number;
  encoded: number;
  headers: number;
  skippedParts: number;
  overlong: number;
  controls: number;
  /** Kinds of time stamps removed. */
  stamps: Set<string>;
  callers: Set<string>;
}

export function noRepairs(): Repairs {
  return {
    quoted: 0,
    joined: 0,
    softBreaks: 0,
    encoded: 0,
    headers: 0,
    skippedParts: 0,
    overlong: 0,
    controls: 0,
    stamps: new Set(),
    callers: new Set(),
  };
}

/** One sentence for each kind of repair; empty when the text was intact. */
export function describeRepairs(r: Repairs): string[] {
  const said: string[] = [];
  if (r.headers > 0) said.push(`Skipped ${count(r.headers, 'mail header line')}.`);
  if (r.skippedParts > 0) said.push(`Skipped ${count(r.skippedParts, 'mail part')} that is no plain text.`);
  if (r.softBreaks > 0) said.push(`Joined ${count(r.softBreaks, 'quoted-printable soft line break')}.`);
  if (r.encoded > 0) said.push(`Decoded ${count(r.encoded, 'encoded line')}.`);
  if (r.quoted > 0) said.push(`Removed quote marks from ${count(r.quoted, 'line')}.`);
  if (r.joined > 0) said.push(`Joined ${count(r.joined, 'line')} that a mail program had wrapped.`);
  if (r.overlong > 0) said.push(`Cut ${count(r.overlong, 'line')} longer than 16384 characters.`);
  if (r.controls > 0) said.push(`Removed control characters from ${count(r.controls, 'line')}.`);
  if (r.callers.size > 1)
    said.push(`Separated the lines of ${r.callers.size} callers by their [T…]/[C…] marks.`);
  return said;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
