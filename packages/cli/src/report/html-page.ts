/** A counterexample as one HTML file that needs nothing else: table, step-through, diagram, and how to get it again. */
import { createHash } from 'node:crypto';
import { table } from './html-rows.ts';
import { SCRIPT } from './html-script.ts';
import { decodersOf, type State, statesOf } from './html-states.ts';
import { style } from './html-style.ts';
import { Html, html, json, NOTHING } from './html-text.ts';
import type { Recording } from './recording.ts';
import type { BitField, Decoder } from './spte-bits.ts';

export interface Page {
  readonly scenario: string;
  readonly title: string;
  readonly verdict: string;
  /** ' (with VARIANT)', '' for none. */
  readonly changes: string;
  /** What fell. */
  readonly headline: string;
  /** More lines about it. */
  readonly says: string;
  /** Labelled facts: what was checked, where the claim comes from. */
  readonly facts: readonly (readonly [label: string, text: string])[];
  /** '' if the execution is too long for one. */
  readonly token: string;
  /** Runs the execution again. */
  readonly command: string;
  readonly diagram: string;
  readonly recording: Recording;
}

export function htmlPage(page: Page): string {
  const { recording } = page;
  const decoders = decodersOf(recording);
  const states = statesOf(recording);
  const css = style(recording.threads.length);
  const policy = `default-src 'none'; img-src data:; style-src '${digest(css)}'; script-src '${digest(SCRIPT)}'`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.verdict}: ${page.scenario}${page.changes}</title>
<link rel="icon" href="data:,">
<style>${new Html(css)}</style>
</head>
<body>
${header(page)}
<main>
<section class="steps" aria-label="Execution">
${toolbar()}
${table(recording, states, decoders)}
${page.headline === '' ? NOTHING : html`<p class="conclusion">⇒ ${page.headline}</p>`}
</section>
<aside id="panel" aria-label="State after the row" hidden>
<h2 id="where"></h2>
<div id="now" aria-live="polite"></div>
<h3 id="sptes">SPTE</h3><div id="cells"></div>
<h3>Locks held</h3><div id="locks"></div>
<h3>Called from</h3><ol id="path"></ol>
</aside>
</main>
${page.diagram === '' ? NOTHING : html`<section class="text"><h2>As text, for a mail</h2><pre>${page.diagram.trimEnd()}</pre></section>`}
<script type="application/json" id="data">${data(recording, states, decoders)}</script>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`.text;
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function header(page: Page): Html {
  const facts = page.facts.map(([label, text]) => html`<dt>${label}</dt><dd>${text}</dd>\n`);
  const says = page.says === '' ? NOTHING : html`<pre class="details">${page.says}</pre>`;
  const titled = page.title !== page.scenario;
  const token =
    page.token === ''
      ? NOTHING
      : html`<dt>token</dt><dd class="copy"><code id="token">${page.token}</code></dd>`;
  return html`<header>
<p><span class="verdict ${page.verdict}">${page.verdict}</span> <code>${page.scenario}${page.changes}</code></p>
${titled ? html`<h1>${page.title}</h1>` : NOTHING}
${page.headline === '' ? NOTHING : titled ? html`<p class="headline">${page.headline}</p>` : html`<h1 class="headline">${page.headline}</h1>`}
${says}
<dl>
${facts}<dt>replay</dt><dd class="copy"><code id="command">${page.command}</code></dd>
${token}
</dl>
</header>`;
}

function toolbar(): Html {
  return html`<div id="tools" hidden>
<button type="button" id="previous">‹ back <kbd>k</kbd></button>
<button type="button" id="next">next › <kbd>j</kbd></button>
<button type="button" id="shorter" aria-pressed="false">only rows of the diagram <kbd>h</kbd></button>
<span class="keys"><kbd>↑</kbd><kbd>↓</kbd> row · <kbd>n</kbd><kbd>p</kbd> next, previous switch of CPU · <kbd>e</kbd><kbd>r</kbd> next, previous change of an SPTE · <kbd>Home</kbd><kbd>End</kbd></span>
</div>`;
}

/** What the script shows beside the table, a state for each row. */
function data(
  { threads, cells, rows }: Recording,
  states: readonly State[],
  decoders: readonly Decoder[],
): Html {
  const layouts: (readonly BitField[])[] = [];
  const layout = (fields: readonly BitField[]) => {
    const at = layouts.indexOf(fields);
    return at >= 0 ? at : layouts.push(fields) - 1;
  };
  const steps = rows.map((row, i) => ({
    thread: row.thread,
    number: row.number,
    text: row.text,
    step: row.step,
    frames: row.frames,
    held: states[i]?.held,
    cells: cells.map(({ first }, c) => {
      const value = states[i]?.values[c] as bigint;
      const was = i === 0 ? BigInt(first) : (states[i - 1]?.values[c] as bigint);
      const { says, fields } = (decoders[c] as Decoder)(value);
      return { value: `0x${value.toString(16)}`, was: `0x${was.toString(16)}`, says, layout: layout(fields) };
    }),
  }));
  return json({ threads, cells: cells.map(({ place, size }) => ({ place, size })), layouts, steps });
}
