/** Where the pages of a run go. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '../exit.ts';
import { htmlPage, type Page } from './html-page.ts';

const FOLDER = '.faultline/';

export class PageWriter {
  private readonly target: string;
  private written = 0;

  /** 'html', 'html:FILE.html' or 'html:FOLDER/'. */
  constructor(reporter: string) {
    this.target = reporter.slice('html:'.length) || FOLDER;
  }

  /** Writes the file and returns its path. Throws a UsageError where that is not possible. */
  write(page: Page): string {
    const file = this.target.endsWith('/')
      ? path.join(this.target, nameOf(page))
      : numbered(this.target, this.written);
    this.written++;
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, htmlPage(page));
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      if (code === '') throw error;
      throw new UsageError(`cannot write ${file}: ${message}`, { cause: error });
    }
    return file;
  }
}

/** The same for the same counterexample, so that a link survives the next run. */
function nameOf({ scenario, changes, headline, command }: Page): string {
  const hash = createHash('sha256').update([scenario, changes, headline, command].join('\n')).digest('hex');
  return `${scenario.replaceAll('/', '-')}-${hash.slice(0, 8)}.html`;
}

/** 'race.html', then 'race-2.html'. */
function numbered(file: string, before: number): string {
  if (before === 0) return file;
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}-${before + 1}${ext}`);
}
