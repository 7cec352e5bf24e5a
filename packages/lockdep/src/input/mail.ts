import type { Repairs } from './repairs.ts';

const KNOWN_HEADER =
  /^(?:Return-Path|Received|Delivered-To|From|To|Cc|Subject|Date|Message-I[Dd]|MIME-Version|Mime-Version|X-[\w-]+|List-Id|Content-[\w-]+|Reply-To|In-Reply-To|References|Sender|DKIM-Signature|Authentication-Results|ARC-[\w-]+|User-Agent): ?/;

type State = 'start' | 'headers' | 'body';
type Encoding = 'plain' | 'qp' | 'base64';

/**
 * Takes the mail off a log: mbox and eml headers, MIME parts, quoted-printable and base64. Text that is no mail
 * passes through, except that quoted-printable without its headers is recognised by its soft line breaks.
 */
export class MailReader {
  private state: State = 'start';
  private encoding: Encoding = 'plain';
  private isMail = false;
  private boundaries: string[] = [];
  private header = '';
  private skip = false;
  private pending = '';
  private pendingLine = 0;
  private guessedQp = false;
  private lastBlank = true;
  private readonly repairs: Repairs;
  private readonly emit: (line: string, number: number) => void;

  constructor(repairs: Repairs, emit: (line: string, number: number) => void) {
    this.repairs = repairs;
    this.emit = emit;
  }

  line(raw: string, n: number): void {
    if (this.state === 'body' && !this.isMail) this.body(raw, n);
    else this.slow(raw, n);
  }

  end(): void {
    if (this.pending !== '') this.emit(this.pending, this.pendingLine);
    this.pending = '';
  }

  private slow(raw: string, n: number): void {
    if (this.state === 'start') {
      if (raw.trim() === '') {
        this.emit(raw, n);
        return;
      }
      this.isMail = /^From \S+@?\S* .*\d{4}/.test(raw) || (KNOWN_HEADER.test(raw) && !/^From: \d/.test(raw));
      this.state = this.isMail ? 'headers' : 'body';
    }
    if (this.state === 'headers') this.headerLine(raw);
    else if (this.lastBlank && /^From \S+ .{0,80}\d{4}/.test(raw) && this.isMail) this.newMessage();
    else if (this.isBoundary(raw)) this.newPart();
    else if (!this.skip) this.body(raw, n);
    this.lastBlank = raw === '';
  }

  private newMessage(): void {
    this.end();
    this.state = 'headers';
    this.encoding = 'plain';
    this.boundaries = [];
    this.header = '';
    this.skip = false;
    this.repairs.headers++;
  }

  private newPart(): void {
    this.end();
    this.state = 'headers';
    this.encoding = 'plain';
    this.header = '';
    this.skip = false;
  }

  private isBoundary(raw: string): boolean {
    if (!raw.startsWith('--') || this.boundaries.length === 0) return false;
    return this.boundaries.some((b) => raw === `--${b}` || raw === `--${b}--`);
  }

  private headerLine(raw: string): void {
    this.repairs.headers++;
    if (/^[ \t]/.test(raw) && this.header !== '') {
      if (this.header.length < 2000) this.header += ` ${raw.trim()}`;
      return;
    }
    this.readHeader(this.header);
    this.header = raw;
    if (raw === '') this.state = 'body';
  }

  private readHeader(header: string): void {
    const colon = header.indexOf(':');
    if (colon < 0) return;
    const name = header.slice(0, colon).toLowerCase();
    const value = header.slice(colon + 1).trim();
    if (name === 'content-transfer-encoding') {
      const lower = value.toLowerCase();
      this.encoding = lower.startsWith('quoted') ? 'qp' : lower.startsWith('base64') ? 'base64' : 'plain';
    } else if (name === 'content-type') {
      const boundary = /boundary="?([^";\s]{1,100})"?/.exec(value);
      if (boundary && this.boundaries.length < 10) this.boundaries.push(boundary[1] ?? '');
      this.skip = !/^(?:text\/plain|text\/x-|multipart\/|message\/)/i.test(value);
      if (this.skip) this.repairs.skippedParts++;
    }
  }

  private body(raw: string, n: number): void {
    if (this.encoding === 'base64') this.base64(raw, n);
    else if (this.encoding === 'qp' || this.pending !== '' || mayBeQp(raw, this.guessedQp))
      this.quotedPrintable(raw, n);
    else this.emit(raw, n);
  }

  private base64(raw: string, n: number): void {
    this.repairs.encoded++;
    const text = this.pending + Buffer.from(raw, 'base64').toString('utf8');
    const lines = text.split('\n');
    this.pending = (lines.pop() ?? '').slice(0, 16_384);
    this.pendingLine = n;
    for (const line of lines) this.emit(line.replace(/\r$/, ''), n);
  }

  private quotedPrintable(raw: string, n: number): void {
    this.guessedQp = true;
    const soft = raw.endsWith('=') && !/^[=>\s]*$/.test(raw);
    const text = decodeQp(soft ? raw.slice(0, -1) : raw);
    if (text !== raw && !soft) this.repairs.encoded++;
    if (this.pending === '') this.pendingLine = n;
    if (soft && this.pending.length < 16_384) {
      this.repairs.softBreaks++;
      this.pending += text;
      return;
    }
    const whole = this.pending + text;
    this.pending = '';
    this.emit(whole, this.pendingLine);
  }
}

/** A line that ends in a soft break, or carries =3D, in a text whose encoding nobody declared. */
function mayBeQp(raw: string, seen: boolean): boolean {
  const last = raw.charCodeAt(raw.length - 1);
  if (last === 61 && raw.length >= 50 && raw.length <= 78 && raw.charCodeAt(raw.length - 2) !== 61)
    return true;
  if (raw.includes('=3D')) return true;
  return seen && /=(?:20|09|[C-F][0-9A-F])/.test(raw);
}

function decodeQp(text: string): string {
  if (!text.includes('=')) return text;
  const bytes: number[] = [];
  const source = Buffer.from(text, 'utf8');
  for (let i = 0; i < source.length; i++) {
    const c = source[i] ?? 0;
    const hex = c === 61 ? source.toString('latin1', i + 1, i + 3) : '';
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else bytes.push(c);
  }
  return Buffer.from(bytes).toString('utf8');
}
