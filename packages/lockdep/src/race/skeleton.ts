import type { RaceTable } from './table.ts';

/** A scenario file to start from: one thread a column, every row a comment, the claim left to its author. */
export function skeletonOf(table: RaceTable): string {
  const threads = table.columns.map((name, i) => {
    const rows = table.rows.filter((r) => r.column === i).map((r) => `      // ${r.text}`);
    return `    *${identifier(name, i)}(state) {\n${rows.join('\n')}\n    },`;
  });
  return `import { scenario } from '@faultline/machine';

/**
 * From a hand-drawn table. Replace each comment by the operation it stands for (yield* ...), then say what must
 * always hold and what must sometimes be seen: a run in which a \`sometimes\` never happens tested nothing.
 */
export const fromRaceTable = scenario('example/name-the-bad-thing', {
  source: 'where the table was drawn',
  *setup() {
    // Allocate what the threads share, and return it.
  },
  threads: {
${threads.join('\n')}
  },
  always: {
    // 'what must never be seen to fail': ({ results }) => ...,
  },
  sometimes: {
    // 'the interleaving of the table happens': ({ results }) => ...,
  },
});
`;
}

function identifier(name: string, index: number): string {
  const word = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return /^[a-z]/.test(word) ? word : `cpu${index}`;
}
