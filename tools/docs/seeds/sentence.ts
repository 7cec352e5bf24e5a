/** A sentence of a seed document that claims something about the system, in our words. */
export interface Sentence {
  /** Number of the seed and of the sentence: '002.4'. What `claims[].seed` of a scenario refers to. */
  readonly id: string;
  /** Where it stands. */
  readonly where: string;
  readonly says: string;
  /** Part of the project that has to exist before a scenario can settle it. */
  readonly waits?: string;
  /** Why no scenario will: it defines a word, or weighs rather than claims. */
  readonly none?: string;
}

export interface Seed {
  readonly number: string;
  readonly title: string;
  readonly sentences: readonly Sentence[];
}

type Row = readonly [says: string, more?: { readonly waits?: string; readonly none?: string }];

/** Numbers the rows of each place in order. */
export function seed(number: string, title: string, places: Readonly<Record<string, readonly Row[]>>): Seed {
  const sentences: Sentence[] = [];
  for (const [where, rows] of Object.entries(places)) {
    for (const [says, more] of rows) {
      sentences.push({ id: `${number}.${sentences.length + 1}`, where, says, ...more });
    }
  }
  return { number, title, sentences };
}
