/** Doc comments of functions: the kernel's name for what follows. */
export interface SourceComment {
  readonly type: 'Line' | 'Block';
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** The `@kernel NAME` of the doc comment that ends right before `position`, or undefined. */
export function kernelNameOf(
  comments: readonly SourceComment[],
  code: string,
  position: number,
): string | undefined {
  const comment = comments.findLast((c) => c.end <= position);
  if (comment?.type !== 'Block') return undefined;
  if (code.slice(comment.end, position).trim() !== '') return undefined;
  return /@kernel (?:struct )?([\w>.-]+)/.exec(comment.value)?.[1];
}
