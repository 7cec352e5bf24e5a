/** One instruction of a litmus test, in either of the ways to write x86. */
import type { Instruction, Operand } from '../programs/litmus.ts';

/** Words and registers of a test, as they are met. */
export interface Names {
  readonly words: string[];
  readonly registers: string[];
}

type Place =
  | { readonly kind: 'memory'; readonly word: string }
  | { readonly kind: 'value'; readonly value: Operand };

const READ =
  'MOV, XCHG, CMPXCHG, XADD, ADD, SUB, INC, DEC (the last four with LOCK), MFENCE, LFENCE and SFENCE';

/** What the instruction does, or what is wrong with it. */
export function readInstruction(text: string, names: Names): Instruction[] | string {
  const locked = /^lock\b[\s;]*/i.exec(text)?.[0] ?? '';
  const [, mnemonic = '', rest = ''] = /^([a-z]+)\s*(.*)$/i.exec(text.slice(locked.length)) ?? [];
  const att = /%|\$.*,.*\(|\(\s*\w+\s*\)/.test(rest) && !rest.includes('[');
  const name = plainName(mnemonic);
  if (/^(?:mfence)$/.test(name)) return [{ op: 'fence' }];
  // Loads are not reordered with loads, nor stores with stores: nothing to do.
  if (/^(?:lfence|sfence|nop)$/.test(name)) return [];
  if (!/^(?:mov|xchg|cmpxchg|xadd|add|sub|inc|dec)$/.test(name)) return unreadable(text);
  const operands = rest === '' ? [] : rest.split(',').map((part) => placeOf(part.trim()));
  const wrong = operands.indexOf(null);
  if (wrong >= 0) return `'${rest.split(',')[wrong]?.trim()}': expected a register, a number, or [word]`;
  const places = (att ? [...operands].reverse() : operands) as Place[];
  const instruction = build(name, locked !== '', places, (word) => wordOf(word, names));
  if (instruction !== null) return instruction;
  return unreadable(text);
}

function unreadable(text: string): string {
  return `'${text}': straight-line code of ${READ} is read, with at most one word of memory in an instruction`;
}

/** The canonical name of a register: EAX and RAX are one. */
export function registerName(text: string): string | null {
  const name = text.replace(/^%/, '').toLowerCase();
  if (/^[er]?[abcd]x$/.test(name)) return `r${name.slice(-2)}`;
  if (/^[er]?(?:si|di|bp)$/.test(name)) return `r${name.slice(-2)}`;
  const [, number] = /^r(8|9|1[0-5])d?$/.exec(name) ?? [];
  return number === undefined ? null : `r${number}`;
}

/** Without the letter that says how wide the operands are. */
function plainName(mnemonic: string): string {
  const name = mnemonic.toLowerCase();
  if (/^(?:mov|xchg|cmpxchg|xadd|add|sub|inc|dec)[bwlq]$/.test(name)) return name.slice(0, -1);
  return name;
}

function placeOf(text: string): Place | null {
  const [, number] = /^\$?(-?(?:0x[0-9a-f]+|\d+))$/i.exec(text) ?? [];
  if (number !== undefined) return { kind: 'value', value: Number(number) >>> 0 };
  const register = registerName(text);
  if (register !== null) return { kind: 'value', value: register };
  const [, word] = /^[[(]\s*([a-z_]\w*)\s*[\])]$/i.exec(text) ?? [];
  if (word === undefined || registerName(word) !== null) return null;
  return { kind: 'memory', word };
}

function build(
  name: string,
  locked: boolean,
  [to, from]: readonly Place[],
  index: (word: string) => number,
): Instruction[] | null {
  if (to?.kind === 'memory' && from?.kind !== 'memory') {
    return onWord(name, locked, index(to.word), from?.value);
  }
  if (to?.kind !== 'value' || typeof to.value !== 'string' || from === undefined) return null;
  if (name === 'mov' && from.kind === 'memory') return [{ op: 'load', at: index(from.word), into: to.value }];
  if (name === 'mov' && from.kind === 'value') return [{ op: 'move', value: from.value, into: to.value }];
  // xchg is locked whether it says so or not, and its operands may stand in either order.
  if (name === 'xchg' && from.kind === 'memory')
    return [{ op: 'xchg', at: index(from.word), value: to.value, into: to.value }];
  return null;
}

function onWord(name: string, locked: boolean, at: number, value: Operand | undefined): Instruction[] | null {
  if (name === 'inc' || name === 'dec')
    return locked ? [{ op: 'add', at, value: name === 'inc' ? 1 : 0xffff_ffff, into: '' }] : null;
  if (value === undefined) return null;
  if (name === 'mov') return [{ op: 'store', at, value }];
  if (name === 'xchg' && typeof value === 'string') return [{ op: 'xchg', at, value, into: value }];
  if (!locked) return null;
  if (name === 'cmpxchg') return [{ op: 'cmpxchg', at, old: 'rax', value, into: 'rax' }];
  if (name === 'xadd' && typeof value === 'string') return [{ op: 'add', at, value, into: value }];
  if (name === 'add') return [{ op: 'add', at, value, into: '' }];
  if (name === 'sub' && typeof value === 'number') return [{ op: 'add', at, value: -value >>> 0, into: '' }];
  return null;
}

function wordOf(name: string, names: Names): number {
  const known = names.words.indexOf(name);
  return known >= 0 ? known : names.words.push(name) - 1;
}
