import { Graph, layout } from '@dagrejs/dagre';
import type { Drawing } from './dot.ts';

const CHAR = 7.3;

/** An SVG of a drawing, laid out by dagre; red edges and their locks stand out, titles survive without scripts. */
export function toSvg(drawing: Drawing): string {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 28, ranksep: 60, marginx: 16, marginy: 40 });
  graph.setDefaultEdgeLabel(() => ({}));
  const red = new Set<string>();
  for (const e of drawing.edges) {
    for (const name of [e.from, e.to]) {
      if (e.red) red.add(name);
      if (!graph.hasNode(name))
        graph.setNode(name, { width: Math.max(60, name.length * CHAR + 16), height: 26 });
    }
    graph.setEdge(
      e.from,
      e.to,
      { label: e.label, width: e.label.length * 6, height: e.label ? 14 : 1, labelpos: 'c', red: e.red },
      `${e.from} ${e.to} ${e.label}`,
    );
  }
  layout(graph);
  const size = graph.graph();
  const width = Math.ceil(size.width ?? 0) + 32;
  const height = Math.ceil(size.height ?? 0) + 32;
  const body = [...edgesOf(graph), ...nodesOf(graph, red)];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="monospace" font-size="12">
<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z"/></marker><marker id="r" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#c00"/></marker></defs>
<title>${escapeXml(drawing.title)}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="16" y="22" font-weight="bold">${escapeXml(drawing.title)}</text>
${body.join('\n')}
</svg>
`;
}

function edgesOf(graph: Graph): string[] {
  return graph.edges().map((id) => {
    const e = graph.edge(id);
    const points: { x: number; y: number }[] = e.points ?? [];
    const path = points.map((p, i) => `${i === 0 ? 'M' : 'L'}${p.x.toFixed(1)} ${p.y.toFixed(1)}`).join('');
    const colour = e.red ? '#c00' : '#555';
    const line = `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${e.red ? 2 : 1}" marker-end="url(#${e.red ? 'r' : 'a'})"/>`;
    const label = String(e.label ?? '');
    if (label === '') return line;
    return `${line}\n<text x="${(e.x ?? 0).toFixed(1)}" y="${((e.y ?? 0) - 4).toFixed(1)}" font-size="10" fill="${colour}" text-anchor="middle">${escapeXml(label)}</text>`;
  });
}

function nodesOf(graph: Graph, red: ReadonlySet<string>): string[] {
  return graph.nodes().map((name) => {
    const n = graph.node(name);
    const x = (n.x ?? 0) - (n.width ?? 0) / 2;
    const y = (n.y ?? 0) - (n.height ?? 0) / 2;
    const stroke = red.has(name) ? '#c00' : '#333';
    return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${n.width}" height="${n.height}" rx="4" fill="#fff" stroke="${stroke}"/>
<text x="${(n.x ?? 0).toFixed(1)}" y="${((n.y ?? 0) + 4).toFixed(1)}" text-anchor="middle">${escapeXml(name)}</text>`;
  });
}

function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no way to write them
  const clean = text.replace(/[\u0000-\u0008\u000b-\u001f]/g, ' ');
  return clean.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}
