/** A few bits that stand for what a step is, so that a stale token can name the first step that is another one now. */
import type { TraceEvent } from './trace.ts';

/** Bits of a hash over thread, kind and place of a step. Names, not addresses: a layout may change, a step may not. */
export function signatureOf(event: Pick<TraceEvent, 'thread' | 'kind' | 'place'>, bits: number): number {
  if (bits === 0) return 0;
  return textHash(`${event.thread} ${event.kind} ${event.place}`) >>> (32 - bits);
}

/** A 32-bit hash of a text. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
