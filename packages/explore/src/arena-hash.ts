/** A 64-bit hash of all bytes in use: equal hashes mean that a replay ended in exactly the same memory. */
import { regionsUsed, u32 } from '@faultline/machine';

/** The arena's hash, 16 hex digits. */
export function arenaHash(): string {
  const hash = new Hash64();
  for (const { from, to } of regionsUsed()) {
    hash.add(from);
    for (let word = from >>> 2; word < to >>> 2; word++) hash.add(u32[word]);
  }
  return hash.hex();
}

/** Two murmur-like lanes over 32-bit words. */
export class Hash64 {
  private a = 0x9747b28c;
  private b = 0x1b873593;
  private count = 0;

  add(word: number): void {
    this.a = Math.imul(rotate(this.a ^ Math.imul(word, 0xcc9e2d51), 13), 5) + 0x38b34ae5;
    this.b = Math.imul(rotate(this.b ^ Math.imul(word, 0x85ebca6b), 17), 9) + 0x52dce729;
    this.count++;
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
    this.add(-1);
  }

  hex(): string {
    const a = mix(this.a ^ this.count);
    const b = mix(this.b ^ a);
    return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
  }
}

function rotate(v: number, by: number): number {
  return (v << by) | (v >>> (32 - by));
}

function mix(value: number): number {
  let v = value;
  v = Math.imul(v ^ (v >>> 16), 0x85ebca6b);
  v = Math.imul(v ^ (v >>> 13), 0xc2b2ae35);
  return v ^ (v >>> 16);
}
