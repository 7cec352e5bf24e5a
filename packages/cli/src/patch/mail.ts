/** Mail bodies that travelled as quoted-printable or base64, decoded; any other text stays as it is. */
export function decodedMail(text: string): string {
  if (!/^content-transfer-encoding:\s*(?:quoted-printable|base64)/im.test(text)) return text;
  const lines = text.split(/\r?\n/);
  const out: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at++] as string;
    out.push(line);
    const encoding = /^content-transfer-encoding:\s*(quoted-printable|base64)/i
      .exec(line)?.[1]
      ?.toLowerCase();
    if (encoding === undefined) continue;
    while (at < lines.length && lines[at] !== '') out.push(lines[at++] as string);
    const body: string[] = [];
    while (at < lines.length && !isEnd(lines[at] as string)) body.push(lines[at++] as string);
    out.push(...(encoding === 'base64' ? base64(body) : quotedPrintable(body)).split(/\r?\n/));
  }
  return out.join('\n');
}

/** The next message of an mbox, or the next part of this one. */
function isEnd(line: string): boolean {
  return /^From \S+ .*\d{4}/.test(line) || /^--[\w'()+,./:=?-]{8,}$/.test(line);
}

function base64(body: readonly string[]): string {
  return Buffer.from(body.join(''), 'base64').toString('utf8');
}

function quotedPrintable(body: readonly string[]): string {
  const joined = body.join('\n').replace(/=[ \t]*\n/g, '');
  const bytes = joined.replace(/[\u0080-\uffff]/g, (c) => Buffer.from(c, 'utf8').toString('latin1'));
  const decoded = bytes.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(decoded, 'latin1').toString('utf8');
}
