/** `faultline mutate --auto`: the sites that nobody named, weakened one by one. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Step } from '@faultline/machine';
import pc from 'picocolors';
import { loadCatalogue } from '../catalogue.ts';
import { ExitCode, UsageError } from '../exit.ts';
import { host } from '../host.ts';
import { type AutoRow, type AutoVerdict, areaOfSite, autoCampaign, autoStatus } from '../mutate/auto.ts';
import { GAP, reasonFor } from '../mutate/auto-reasons.ts';
import { stoppable } from '../run/interrupt.ts';
import { Interrupted, Pool } from '../run/pool.ts';
import { count, duration } from '../run/progress.ts';
import { catalogueOfSites } from '../targets.ts';
import { requireAreas } from './options.ts';

export interface AutoOptions {
  readonly reporter: 'text' | 'json';
  readonly quiet?: true;
  /** Seconds for the whole run. */
  readonly time?: number;
  /** A file for the result, to be shown in docs/coverage.md. */
  readonly record?: string;
  /** The file of an earlier run: what it settled is not tried again, unless scenarios were added. */
  readonly refresh?: string;
}

const WIDTH = 2;

export async function mutateAuto(asked: readonly string[], options: AutoOptions): Promise<number> {
  const began = Date.now();
  const module = await catalogueOfSites();
  const sites = await sitesOf(module);
  const areas = [...new Set(sites.map(areaOfSite))].sort();
  requireAreas(asked, areas);
  const { scenarios } = await loadCatalogue();
  const holding = scenarios.filter(
    ({ expect, threadsOnly }) => expect !== 'violated' && threadsOnly === undefined,
  );
  const pool = new Pool(WIDTH);
  try {
    const rows = await stoppable(pool, () =>
      autoCampaign({
        scenarios: holding.filter(({ deep }) => deep !== true).map(({ name }) => name),
        deep: holding.filter(({ deep }) => deep === true).map(({ name }) => name),
        sites,
        areas: asked.length > 0 ? asked : areas,
        reasonFor,
        before: options.refresh === undefined ? new Map() : earlier(options.refresh),
        until: options.time === undefined ? Number.POSITIVE_INFINITY : began + options.time * 1000,
        width: WIDTH,
        onRow: ({ site, verdict }, done, of) => process.stderr.write(`${done}/${of} ${verdict} ${site}\n`),
        attempt: ({ scenario, off, most, model, reached }) =>
          pool.run({
            kind: 'check',
            module,
            scenario,
            without: off,
            variant: 'auto',
            mode: 'optimal',
            model,
            bounds: { maxExecutions: most },
            explain: false,
            reached,
          }),
      }),
    );
    const record = recordOf(rows, asked.length > 0 ? asked : areas, (Date.now() - began) / 1000);
    if (options.record !== undefined) writeFileSync(options.record, recordText(record));
    process.stdout.write(
      options.reporter === 'json'
        ? `${JSON.stringify(record, null, 2)}\n`
        : autoText(record, options.quiet === true),
    );
    return autoStatus(rows);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.stdout.write('inconclusive: stopped before every site was tried\n');
    return ExitCode.INCOMPLETE;
  }
}

/** Rows of an earlier run by site. Throws a UsageError for what is none. */
export function earlier(file: string): Map<string, AutoRow> {
  let record: Partial<AutoRecord>;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as Partial<AutoRecord>;
  } catch (error) {
    throw new UsageError(`${file}: expected the result of 'mutate --auto --record'`, { cause: error });
  }
  if (!Array.isArray(record.rows))
    throw new UsageError(`${file}: has no rows; expected the result of 'mutate --auto --record'`);
  return new Map(record.rows.map((row) => [row.site, row]));
}

export interface AutoRecord {
  /** Day of the run. */
  readonly date: string;
  readonly seconds: number;
  readonly areas: readonly string[];
  readonly counts: Readonly<Record<AutoVerdict, number>>;
  readonly rows: readonly AutoRow[];
}

function recordOf(rows: readonly AutoRow[], areas: readonly string[], seconds: number): AutoRecord {
  const n = (verdict: AutoVerdict) => rows.filter((row) => row.verdict === verdict).length;
  return {
    date: new Date().toISOString().slice(0, 10),
    seconds: Math.round(seconds),
    areas,
    counts: {
      noticed: n('noticed'),
      survives: n('survives'),
      elsewhere: n('elsewhere'),
      undecided: n('undecided'),
      'not reached': n('not reached'),
      'not tried': n('not tried'),
    },
    rows,
  };
}

const COLUMNS = 110;

/** As the project formats such a file: a list stands in one line if it fits. */
export function recordText(record: AutoRecord): string {
  const list = /^( *"\w+": )\[\n((?: *"[^"\n]*",?\n)+) *\](,?)$/gm;
  const text = JSON.stringify(record, null, 2).replace(
    list,
    (all: string, key: string, items: string, comma: string) => {
      const line = `${key}[${items
        .trim()
        .split(/,?\n */)
        .join(', ')}]${comma}`;
      return line.length <= COLUMNS ? line : all;
    },
  );
  return `${text}\n`;
}

const COLOURS: Readonly<Record<AutoVerdict, (text: string) => string>> = {
  noticed: pc.green,
  survives: pc.red,
  elsewhere: pc.dim,
  undecided: pc.yellow,
  'not reached': pc.dim,
  'not tried': pc.yellow,
};

function autoText({ areas, rows, counts, seconds }: AutoRecord, quiet: boolean): string {
  const lines: string[] = [];
  for (const area of areas) {
    const shown = rows.filter((row) => row.area === area && (!quiet || row.verdict !== 'noticed'));
    if (shown.length === 0) continue;
    lines.push(pc.bold(area));
    for (const { verdict, site, says, scenarios } of shown) {
      const colour =
        verdict === 'survives' && says !== '' && !says.startsWith(GAP) ? pc.dim : COLOURS[verdict];
      lines.push(`  ${colour(verdict.padEnd(11))} ${site}`);
      lines.push(`              ${says || `${GAP}no reason is known; ${scenarios} scenarios come here`}`);
    }
    lines.push('');
  }
  const tally = Object.entries(counts).map(([verdict, n]) => `${count(n)} ${verdict}`);
  const found = rows.filter(
    ({ verdict, says }) => verdict === 'survives' && (says === '' || says.startsWith(GAP)),
  );
  lines.push(
    `${count(rows.length)} sites: ${tally.join(', ')}; ${count(found.length)} of the survivors are findings; ${duration(seconds)}`,
  );
  return `${lines.join('\n')}\n`;
}

/** The sites are named as the module loads. */
async function sitesOf(module: string): Promise<string[]> {
  await import(pathToFileURL(module).href);
  const machine = (await import(pathToFileURL(path.join(host().built, 'machine.js')).href)) as {
    allSteps(): Step[];
  };
  return machine.allSteps().flatMap(({ name, kind }) => (kind === 'auto' ? [name] : []));
}
