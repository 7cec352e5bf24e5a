/** Longest line kept; the rest of a longer one is dropped and counted. */
export const MAX_LINE = 16_384;

/**
 * Cuts chunks of text into lines. Memory is bounded by one chunk and one line of at most MAX_LINE characters.
 */
export class LineSplitter {
  private rest = '';
  private skipping = false;
  private lineNumber = 0;
  /** Lines that were longer than MAX_LINE. */
  overlong = 0;
  private readonly emit: (line: string, number: number) => void;

  constructor(emit: (line: string, number: number) => void) {
    this.emit = emit;
  }

  push(chunk: string): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf('\n', from);
      if (end < 0) break;
      this.finish(chunk, from, end);
      from = end + 1;
    }
    if (from >= chunk.length || this.skipping) return;
    this.rest += from === 0 ? chunk : chunk.slice(from);
    if (this.rest.length > MAX_LINE) {
      this.rest = this.rest.slice(0, MAX_LINE);
      this.skipping = true;
      this.overlong++;
    }
  }

  end(): void {
    if (this.rest !== '') this.out(this.rest);
    this.rest = '';
  }

  private finish(chunk: string, from: number, end: number): void {
    let stop = end;
    if (stop > from && chunk.charCodeAt(stop - 1) === 13) stop--;
    if (this.skipping) {
      this.skipping = false;
      this.out(this.rest);
    } else if (this.rest !== '') {
      let line = this.rest + chunk.slice(from, stop);
      if (stop === from && line.endsWith('\r')) line = line.slice(0, -1);
      this.out(this.capped(line));
    } else if (stop - from > MAX_LINE) {
      this.out(this.capped(chunk.slice(from, stop)));
    } else this.out(chunk.slice(from, stop));
    this.rest = '';
  }

  private capped(line: string): string {
    if (line.length <= MAX_LINE) return line;
    this.overlong++;
    return line.slice(0, MAX_LINE);
  }

  private out(line: string): void {
    this.lineNumber++;
    this.emit(line, this.lineNumber);
  }
}
