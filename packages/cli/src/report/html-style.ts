/** The style sheet of a page: light and dark by the reader's setting, and a form for paper. */
export function style(threads: number): string {
  const share = Math.floor(58 / threads);
  return `${COLOURS}${FRAME}${TABLE}.thread{width:${share}%}
${BITS}${PANEL}${PAPER}`;
}

const COLOURS = `:root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--paper:#fff;--line:#d0d7de;--soft:#f3f5f7;
--mark:#fff3c4;--mark-ink:#5c3d00;--bad:#b3261e;--good:#1a6b34;--warn:#8a5a00;--link:#0a53be;--now:#dcebff}
@media (prefers-color-scheme:dark){:root{--ink:#e2e6ea;--dim:#9aa4ae;--paper:#14171a;--line:#363c43;--soft:#1e2328;
--mark:#4d3d0c;--mark-ink:#ffe08a;--bad:#ff8a80;--good:#7bd88f;--warn:#f0c060;--link:#8ab4f8;--now:#1d3350}}
`;

const FRAME = `*{box-sizing:border-box}
body{margin:0;padding:1rem 1.25rem 3rem;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
code,pre,kbd,.strip,#cells{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.86em}
h1{font-size:1.3rem;margin:.2rem 0 .4rem}h2{font-size:1.05rem;margin:1.2rem 0 .4rem}h3{font-size:.85rem;margin:1rem 0 .3rem;color:var(--dim)}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
.verdict{font-weight:700;padding:.1rem .5rem;border:1px solid;border-radius:.3rem;color:var(--bad)}
.verdict.holds{color:var(--good)}
.headline,.conclusion{font-weight:600;color:var(--bad)}
.details{color:var(--dim);white-space:pre-wrap;margin:.3rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .8rem;margin:.6rem 0 1rem}
dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
.copy button{margin-left:.6rem}
button{font:inherit;font-size:.85rem;color:inherit;background:var(--soft);border:1px solid var(--line);border-radius:.3rem;padding:.1rem .5rem;cursor:pointer}
button[aria-pressed=true]{background:var(--now)}
kbd{border:1px solid var(--line);border-radius:.2rem;padding:0 .25rem;color:var(--dim)}
main{display:grid;grid-template-columns:minmax(0,1fr);gap:1.25rem;align-items:start}
.text pre{overflow-x:auto;background:var(--soft);padding:.8rem;border-radius:.3rem}
#tools{padding:.4rem 0;display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}
#tools[hidden]{display:none}
.keys{color:var(--dim);font-size:.8rem}
`;

const TABLE = `table{border-collapse:collapse;width:100%;table-layout:fixed;font-size:.88rem}
th{text-align:left;box-shadow:0 2px var(--line);padding:.25rem .4rem;vertical-align:bottom;position:sticky;top:0;background:var(--paper);z-index:1}
td{border-bottom:1px solid var(--line);border-left:1px solid var(--line);padding:.18rem .4rem;vertical-align:top;overflow-wrap:anywhere}
td:first-child{border-left:0}
th.n,td.n{width:2.6rem;text-align:right}td.n a{color:var(--dim)}
tr.switch td{border-top:2px solid var(--line)}
tr.fence code,tr.trace code{color:var(--dim);font-style:italic}
tr.finding .does,tr.warn .does{color:var(--bad);font-weight:600}
tr[aria-current] td{background:var(--now)}
.js tbody tr{cursor:pointer;scroll-margin:2.5rem 0}
.shorter tr.minor{display:none}
.step{font-size:.78em;color:var(--warn);border:1px solid;border-radius:.3rem;padding:0 .25rem}
.held{font-size:.78rem}.held b,.source .at{color:var(--dim);font-weight:400}
.lock{color:var(--dim);margin-right:.4rem;display:inline-block}.lock.new{color:var(--ink);font-weight:600}
.source{font-size:.78rem}
`;

const BITS = `.strip{display:block;margin-top:.15rem}
.strip i,.bit{font-style:normal;display:inline-block;border:1px solid var(--line);padding:0 .25rem;margin:0 1px 1px 0;border-radius:.15rem}
.strip b{font-weight:400;color:var(--dim)}
.strip .off,.bit.off{color:var(--dim);opacity:.75}
.strip .on,.bit.on{background:var(--soft);border-color:var(--dim);font-weight:700}
.strip .changed,.bit.changed{background:var(--mark);color:var(--mark-ink);border-color:currentColor;opacity:1;text-decoration:underline 2px;text-underline-offset:2px}
.strip .off.changed,.bit.off.changed{text-decoration:line-through 2px}
.says{color:var(--dim)}
`;

const PANEL = `.js main{grid-template-columns:minmax(0,1fr) 25rem}
#panel{position:sticky;top:.5rem;max-height:calc(100vh - 1rem);overflow:auto;border:1px solid var(--line);border-radius:.4rem;padding:.2rem .9rem .9rem}
#panel h2{margin:.6rem 0 .3rem}#panel[hidden]{display:none}
#now code{overflow-wrap:anywhere}
.cell{margin-bottom:.8rem}.cell h4{margin:0 0 .2rem;font-size:1em}
.bits{display:grid;grid-template-columns:repeat(16,1fr);gap:1px}
.bit{text-align:center;padding:0;margin:0;font-size:.8em;line-height:1.2}.bit small{display:block;font-size:.72em;font-weight:400}
.fields{width:auto;table-layout:auto;margin-top:.3rem;font-size:.95em}.fields td{border:0;padding:0 .5rem 0 0}.fields td:not(:last-child){white-space:nowrap}
.fields tr.changed td{background:var(--mark);color:var(--mark-ink)}
#path{margin:.2rem 0;padding-left:1.3rem;font-size:.82rem}#path code{color:var(--dim)}
@media (max-width:70rem){.js main{grid-template-columns:minmax(0,1fr)}#panel{position:static;max-height:none;order:-1}}
`;

const PAPER = `@page{size:A4 landscape;margin:12mm}
@media print{:root{color-scheme:light;--ink:#000;--dim:#444;--paper:#fff;--line:#bbb;--soft:#eee;--mark:#ffe9a8;--mark-ink:#000;--bad:#8f1610;--warn:#5c3d00;--link:#000;--now:#fff}
body{padding:0;font-size:10pt}#tools,#panel,.copy button{display:none!important}.js main,main{display:block}
thead{display:table-header-group}th{position:static;box-shadow:none;border-bottom:2px solid var(--line)}tr,.text{break-inside:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
