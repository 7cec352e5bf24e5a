/** Bits to and from base64url: numbers of fixed width, and Elias gamma codes for small numbers of no fixed width. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export class BitWriter {
  private readonly bits: number[] = [];

  get length(): number {
    return this.bits.length;
  }

  /** `width` bits, highest first. */
  fixed(value: number, width: number): void {
    if (value < 0 || value >= 2 ** width) throw new RangeError(`${value} does not fit in ${width} bits`);
    for (let k = width - 1; k >= 0; k--) this.bits.push(Math.floor(value / 2 ** k) & 1);
  }

  /** A number from 0 up, shorter the smaller it is. */
  gamma(value: number): void {
    const width = 32 - Math.clz32(value + 1);
    for (let k = 1; k < width; k++) this.bits.push(0);
    this.fixed(value + 1, width);
  }

  /** ASCII. */
  text(text: string): void {
    this.gamma(text.length);
    for (const c of text) this.fixed(c.charCodeAt(0) & 0x7f, 7);
  }

  /** All bits, padded with zeros. */
  base64url(): string {
    let out = '';
    for (let at = 0; at < this.bits.length; at += 6) {
      let digit = 0;
      for (let k = 0; k < 6; k++) digit = digit * 2 + (this.bits[at + k] ?? 0);
      out += ALPHABET[digit];
    }
    return out;
  }
}

export class BitReader {
  private readonly bits: number[] = [];
  private at = 0;

  /** Throws SyntaxError for a character that is none of base64url's. */
  constructor(text: string) {
    for (const c of text) {
      const digit = ALPHABET.indexOf(c);
      if (digit < 0) throw new SyntaxError(`'${c}' is not a character of base64url`);
      for (let k = 5; k >= 0; k--) this.bits.push((digit >>> k) & 1);
    }
  }

  fixed(width: number): number {
    let value = 0;
    for (let k = 0; k < width; k++) value = value * 2 + this.bit();
    return value;
  }

  gamma(): number {
    let width = 1;
    while (this.bit() === 0) width++;
    return 2 ** (width - 1) + this.fixed(width - 1) - 1;
  }

  text(): string {
    const length = this.gamma();
    let out = '';
    for (let i = 0; i < length; i++) out += String.fromCharCode(this.fixed(7));
    return out;
  }

  private bit(): number {
    if (this.at >= this.bits.length) throw new SyntaxError('it ends too early');
    return this.bits[this.at++];
  }
}
