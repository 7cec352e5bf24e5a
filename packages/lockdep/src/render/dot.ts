import type { Edge } from '../graph/graph.ts';

/** A drawing: edges, which of them are red, what is written on them. */
export interface Drawing {
  readonly title: string;
  readonly edges: readonly DrawnEdge[];
}

export interface DrawnEdge {
  readonly from: string;
  readonly to: string;
  readonly red: boolean;
  /** Broken rule or operation; empty for a plain edge. */
  readonly label: string;
}

/** A cycle as a drawing: all red, labelled with the operation or with the rule an edge breaks. */
export function drawCycle(title: string, cycle: readonly Edge[], broken: ReadonlyMap<Edge, string>): Drawing {
  return {
    title,
    edges: cycle.map((e) => ({ from: e.from, to: e.to, red: true, label: broken.get(e) ?? e.op ?? '' })),
  };
}

/** Graphviz text of a drawing. */
export function toDot(drawing: Drawing): string {
  const lines = [
    `digraph ${quote(drawing.title)} {`,
    '  rankdir=LR;',
    '  node [shape=box, fontname="monospace"];',
  ];
  for (const e of drawing.edges) {
    const attributes = [
      e.red ? 'color=red, fontcolor=red' : '',
      e.label ? `label=${quote(e.label)}` : '',
    ].filter((a) => a !== '');
    const tail = attributes.length > 0 ? ` [${attributes.join(', ')}]` : '';
    lines.push(`  ${quote(e.from)} -> ${quote(e.to)}${tail};`);
  }
  lines.push('}', '');
  return lines.join('\n');
}

function quote(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}
