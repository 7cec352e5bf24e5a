/** What mail programs and people do to a log before they send it. */

export function quoted(text: string): string {
  return lines(text)
    .map((l) => (l === '' ? '>' : `> ${l}`))
    .join('\n');
}

/** Wraps at `width` columns at blanks, as mail programs do; words are never cut. */
export function wrapped(text: string, width = 72): string {
  const out: string[] = [];
  for (const line of lines(text)) {
    let rest = line;
    while (rest.length > width) {
      const lead = rest.length - rest.trimStart().length;
      let cut = rest.lastIndexOf(' ', width);
      if (cut <= lead) cut = rest.indexOf(' ', Math.max(width, lead + 1));
      if (cut <= lead) break;
      out.push(rest.slice(0, cut).trimEnd());
      rest = rest.slice(cut + 1).trimStart();
    }
    out.push(rest);
  }
  return out.join('\n');
}

/** Cuts the middle out of every run of more than six call-trace lines, and says so with three dots. */
export function trimmed(text: string): string {
  const out: string[] = [];
  let run: string[] = [];
  const flush = () => {
    out.push(...(run.length > 6 ? [...run.slice(0, 4), '...', ...run.slice(-1)] : run));
    run = [];
  };
  for (const line of lines(text)) {
    if (/\+0x[0-9a-f]+\/0x[0-9a-f]+/.test(line) && !line.includes('){')) run.push(line);
    else {
      flush();
      out.push(line);
    }
  }
  flush();
  return out.join('\n');
}

/** Quoted-printable without its header: soft breaks at 76 columns, `=` as =3D. */
export function quotedPrintable(text: string): string {
  const out: string[] = [];
  for (const line of lines(text)) {
    let rest = line.replace(/=/g, '=3D').replace(/[ \t]$/, (c) => (c === ' ' ? '=20' : '=09'));
    while (rest.length > 76) {
      let cut = 75;
      const mark = rest.lastIndexOf('=', cut - 1);
      if (mark > cut - 3) cut = mark;
      out.push(`${rest.slice(0, cut)}=`);
      rest = rest.slice(cut);
    }
    out.push(rest);
  }
  return out.join('\n');
}

/** Blank lines and indentation lost, as on web pages. */
export function flattened(text: string): string {
  return lines(text)
    .map((l) => l.replace(/^((?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?)\s+/, '$1').trimEnd())
    .filter((l) => l !== '' && !/^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])?$/.test(l))
    .join('\n');
}

/** A whole message with headers, body quoted-printable. */
export function asEml(text: string): string {
  return [
    'From: A Reader <reader@example.org>',
    'To: kvm@example.org',
    'Subject: a splat',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Hello,',
    '',
    quotedPrintable(text),
    '',
    '-- ',
    'A Reader',
    '',
  ].join('\n');
}

function lines(text: string): string[] {
  return text.replace(/\n$/, '').split('\n');
}
