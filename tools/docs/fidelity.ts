/** docs/fidelity.md is written by hand; what it explains is checked: each edge that differs from a recorded kernel is in it. */
import { readFileSync } from 'node:fs';
import { Explainer, type LockChains, LockGraph } from '@faultline/lockdep';
import { compareGraphs } from '../../packages/cli/src/locks/against.ts';
import { inRoot } from './page.ts';

const FIXTURES = 'packages/lockdep/fixtures/kvm-6.1-proc-lockdep';

/** Edges that only one side has and that no row of the page names, as 'a -> b'; and the number that agree, if it has another. */
export function unexplained(ours: LockGraph, page: string): string[] {
  const { agreed, onlyOurs, onlyTheirs } = compareGraphs(ours, recordedGraph(), recordedChains());
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const isExplained = ({ from, to }: { from: string; to: string }) =>
    rows.some((row) => {
      const [, edges = ''] = row.split('|');
      return edges.split(';').some((part) => {
        const [left = '', right = ''] = part.split(' -> ').map((side) => side.trim());
        return namesIn(left).includes(from) && namesIn(right).includes(to);
      });
    });
  const number = `${agreed.length} edges agree`;
  return [
    ...[...onlyOurs, ...onlyTheirs].filter((e) => !isExplained(e)).map((e) => `${e.from} -> ${e.to}`),
    ...(page.includes(number) ? [] : [number]),
  ];
}

/** Names between backquotes; an arrow inside a name has no blanks round it. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? '');
}

function recordedGraph(): LockGraph {
  const found = foundIn(`${FIXTURES}.txt`).find((f) => f.type === 'proc-lockdep');
  return found?.graph ?? new LockGraph();
}

function recordedChains(): LockChains | null {
  return foundIn(`${FIXTURES}_chains.txt`).find((f) => f.type === 'proc-chains')?.chains ?? null;
}

function foundIn(file: string) {
  const explainer = new Explainer();
  explainer.push(readFileSync(inRoot(file)));
  return explainer.end().found;
}
