/** Generated pages: where they are and what their first line says. */
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Page {
  /** Path in the project. */
  readonly file: string;
  readonly text: string;
}

/** A page that says at its top that it is generated. */
export function page(file: string, title: string, body: string): Page {
  const head = `# ${title}\n\n<!-- Generated from the catalogue by 'npm run docs'; a test fails when it is stale. -->\n\n`;
  return { file, text: `${head}${body.trim()}\n` };
}

export function inRoot(file: string): string {
  return path.join(ROOT, file);
}

/** A Markdown table. Cells may not hold a bar or a line break of their own. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replace(/\|/g, '\\|').replace(/\s+/g, ' ')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

export const code = (text: string) => `\`${text}\``;
