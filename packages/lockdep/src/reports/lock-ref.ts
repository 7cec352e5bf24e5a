import type { CallFrame } from '../graph/graph.ts';
import { type LockClass, parseClassName, parseUsage, type WaitTypes } from '../graph/lock-class.ts';
import { parseFrame } from './frames.ts';

/** One lock as a report prints it: `ffff888… (&kvm->lock){+.+.}-{3:3}, at: kvm_vm_ioctl+0x66/0x720 [kvm]`. */
export interface LockRef {
  readonly lock: LockClass;
  /** Address, when it is printed and not hidden. */
  readonly instance?: string;
  readonly at?: CallFrame;
  /** `#3` of a list, `-> #3` of a chain. */
  readonly index?: number;
}

const PREFIX = /^(?:\.\.\. )?(?:(?:-> )?#(\d+):?|->)?\s*(?:\[<)?([0-9a-fA-F]{6,16})?(?:>\])?\s*$/;

/** Finds `(name){usage}` and reads what stands around it; null when the text holds no such thing. */
export function parseLockRef(line: string): LockRef | null {
  if (line.length > 2000) return null;
  const text = line.includes('ptrval') ? line.replace('(____ptrval____)', '') : line;
  const close = text.indexOf('){');
  const open = text.indexOf('(');
  if (open < 0 || close < open) return null;
  const end = text.indexOf('}', close + 2);
  if (end < 0) return null;
  const usage = parseUsage(text.slice(close + 2, end));
  const prefix = PREFIX.exec(text.slice(0, open).trim());
  if (!usage || !prefix) return null;
  const name = text.slice(open + 1, close);
  const wait = parseWait(text.slice(end + 1, end + 10));
  const at = parseAt(text.slice(end + 1));
  return {
    lock: { ...parseClassName(name), usage, ...(wait ? { wait } : {}) },
    ...(prefix[2] === undefined ? {} : { instance: prefix[2] }),
    ...(at ? { at } : {}),
    ...(prefix[1] === undefined ? {} : { index: Number(prefix[1]) }),
  };
}

/** Both ends of `(A){..}-{2:2} -> (B){..}-{2:2}`. */
export function parseLockPair(line: string): { from: LockClass; to: LockClass } | null {
  const arrow = line.indexOf('} -> (');
  if (arrow < 0) return null;
  const from = parseLockRef(line.slice(0, arrow + 1));
  const to = parseLockRef(line.slice(arrow + 5));
  return from && to ? { from: from.lock, to: to.lock } : null;
}

function parseWait(text: string): WaitTypes | null {
  const m = /^-\{(\d)(?::(\d))?\}/.exec(text);
  if (!m) return null;
  const outer = Number(m[1]);
  return { outer, inner: m[2] === undefined ? outer : Number(m[2]) };
}

function parseAt(text: string): CallFrame | null {
  const at = text.indexOf('at: ');
  if (at < 0) return null;
  const place = text.slice(at + 4).trim();
  const frame = parseFrame(place);
  if (frame) return frame;
  const word = /^(?:\[<[0-9a-f]+>\] )?([A-Za-z_][\w.]*)/.exec(place);
  return word ? { fn: word[1] ?? '' } : null;
}
