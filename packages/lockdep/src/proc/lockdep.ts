import { LockGraph } from '../graph/graph.ts';
import { parseUsage } from '../graph/lock-class.ts';
import type { Collector, Found } from '../records.ts';

const CLASS =
  /^(?:\[)?([0-9a-f]{8,16}|\(____ptrval____\))(?:\])?\s+(?:OPS:\s*\d+\s+)?(?:FD:\s*(\d+)\s+BD:\s*(\d+)\s+)?([-+.?]{4,6}): (.{1,1000})$/;
const EDGE = /^-> \[([0-9a-f]{8,16}|\(____ptrval____\))\] (.{1,1000})$/;
const MAX_EDGES = 1_000_000;

/**
 * /proc/lockdep: every class with the classes taken directly inside it. Edges are of distance one, and the tail of
 * each is held in an unknown mode, so they say what was seen, never what can block.
 */
export class ProcLockdep implements Collector {
  private readonly graph = new LockGraph();
  private current = '';
  private stat = true;
  private readonly first: number;
  private last: number;
  private misses = 0;
  private edges = 0;

  constructor(n: number) {
    this.first = n;
    this.last = n;
  }

  static starts(text: string): boolean {
    return (
      text.startsWith('all lock classes:') ||
      (text.includes('FD:') && text.includes('BD:') && CLASS.test(text))
    );
  }

  line(text: string, n: number): 'taken' | 'skipped' | 'over' {
    const t = text.trim();
    if (t === '' || t === 'all lock classes:') return this.keep(n);
    if (t.startsWith('->')) {
      const edge = EDGE.exec(t);
      if (edge && this.current !== '') {
        this.edge(edge[2] ?? '');
        return this.keep(n);
      }
    } else {
      const cls = CLASS.exec(t);
      if (cls) {
        const usage = parseUsage(cls[4] ?? '');
        this.current = cls[5] ?? '';
        if (cls[2] !== undefined) this.stat = false;
        this.graph.addClass(this.current, usage ? { usage } : {});
        return this.keep(n);
      }
    }
    this.misses++;
    return this.misses > 20 ? 'over' : 'skipped';
  }

  tail(text: string): 'no' | 'maybe' {
    return /^\s*(?:->|[0-9a-f]{8,16}\s|\(____ptrval|all lock)/.test(text) ? 'no' : 'maybe';
  }

  finish(): Found | null {
    if (this.graph.classes.size === 0) return null;
    return {
      type: 'proc-lockdep',
      span: { first: this.first, last: this.last },
      graph: this.graph,
      lockdepStat: this.stat,
    };
  }

  private edge(to: string): void {
    if (this.edges++ > MAX_EDGES) return;
    this.graph.addEdge({ from: this.current, to, held: 'exclusive', want: 'exclusive', path: [] });
  }

  private keep(n: number): 'taken' {
    this.last = n;
    this.misses = 0;
    return 'taken';
  }
}
