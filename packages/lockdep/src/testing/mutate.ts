/** A small generator of numbers from a seed (mulberry32), so that a failing mutation can be repeated. */
export function numbers(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const SCRAPS = [
  '){',
  '}',
  '-> #',
  '(',
  ')',
  '[<',
  '>]',
  '+0x',
  '/0x',
  'at: ',
  '=',
  '=3D',
  '> ',
  '\u0000',
  '\u001b[31m',
  '\uFFFD',
  '#0:',
  ' --> ',
  '{+.+.}',
  '-{3:3}',
  '[  1.0] ',
  '\r',
  '\t',
  '....',
  '9999999999999999999',
];

/** One to eight random edits of a log: lines dropped, doubled, moved, cut; characters changed; scraps of grammar thrown in. */
export function mutate(text: string, seed: number, other = ''): string {
  const random = numbers(seed);
  const pick = (n: number) => Math.floor(random() * Math.max(1, n));
  let lines = text.split('\n');
  const edits = 1 + pick(8);
  for (let e = 0; e < edits; e++) {
    const at = pick(lines.length);
    const line = lines[at] ?? '';
    switch (pick(10)) {
      case 0:
        lines.splice(at, 1 + pick(4));
        break;
      case 1:
        lines.splice(at, 0, line);
        break;
      case 2:
        lines.splice(pick(lines.length), 0, ...lines.splice(at, 1 + pick(3)));
        break;
      case 3:
        lines[at] = line.slice(0, pick(line.length + 1));
        break;
      case 4:
        lines[at] =
          line.slice(0, pick(line.length)) + String.fromCharCode(pick(300)) + line.slice(pick(line.length));
        break;
      case 5:
        lines[at] =
          line.slice(0, pick(line.length + 1)) +
          (SCRAPS[pick(SCRAPS.length)] ?? '') +
          line.slice(pick(line.length + 1));
        break;
      case 6:
        lines = lines.slice(0, at + 1);
        break;
      case 7:
        lines[at] = (SCRAPS[pick(SCRAPS.length)] ?? '').repeat(1 + pick(200)) + line;
        break;
      case 8:
        lines.splice(at, 0, ...other.split('\n').slice(pick(40), pick(80)));
        break;
      default:
        lines[at] = `${line}${lines[pick(lines.length)] ?? ''}`;
    }
  }
  return lines.join('\n');
}
