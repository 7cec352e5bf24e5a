import type { CallFrame } from '../graph/graph.ts';

const OFFSET =
  /^\(?(?:\[<[0-9a-fA-FxX]+>\] ?)?(\? )?([A-Za-z_.$][\w.$:]*)\+0x([0-9a-f]+)\/0x([0-9a-f]+)\)?(?: \[([\w-]+)[^\]]*\])?(?: ([\w./-]+:[\d?]+))?( \[inline\])?/;
const INLINE = /^(\? )?([A-Za-z_]\w*) ([\w./-]+\.[chSs]:[\d?]+)( \[inline\])?$/;
const SYMBOLIZED = /^(\? )?([A-Za-z_][\w.$]*) \(([^()]{1,300})\)(?: (\w+))?$/;
const ARM32 = /^\[<[0-9a-f]+>\] \(([^)]*)\) from \[<[0-9a-f]+>\] \(([^)]*)\)/;
const BARE = /^(?:\(?\[<[0-9a-f]+>\]\)? ?)?0x[0-9a-f]+$/;

/**
 * One line of a call trace, in any of the forms of 4.x to 6.x on x86, arm64, arm32 and s390, symbolized or not;
 * null when the line is none. Leading blanks do not matter.
 */
export function parseFrame(line: string): CallFrame | null {
  const text = line.trim();
  if (text.length < 3 || text.length > 400) return null;
  if (text.includes('+0x')) return withOffset(text) ?? arm32(text);
  const symbolized = text.includes('(') ? SYMBOLIZED.exec(text) : null;
  if (symbolized && /:(?:\d+|\?)$/.test(symbolized[3] ?? '')) {
    return frame(symbolized[2] ?? '', {
      source: lastWord(symbolized[3] ?? ''),
      module: symbolized[4],
      unsure: symbolized[1] !== undefined,
    });
  }
  const inline = INLINE.exec(text);
  if (inline) {
    return frame(inline[2] ?? '', {
      source: inline[3],
      inline: inline[4] !== undefined,
      unsure: inline[1] !== undefined,
    });
  }
  if (BARE.test(text)) return frame(lastWord(text), {});
  return null;
}

/** `kvm_vcpu_ioctl [kvm]`: the name without compiler suffixes, as titles use it. */
export function plainName(fn: string): string {
  const dot = fn.indexOf('.');
  return dot > 0 ? fn.slice(0, dot) : fn;
}

/** `kvm_vcpu_ioctl+0x66/0x720 [kvm]`. */
export function formatFrame(f: CallFrame): string {
  const where = f.offset === undefined ? '()' : `+0x${f.offset.toString(16)}/0x${(f.size ?? 0).toString(16)}`;
  const module = f.module ? ` [${f.module}]` : '';
  const source = f.source ? ` ${f.source}` : '';
  return `${f.fn}${where}${module}${source}`;
}

function withOffset(text: string): CallFrame | null {
  const m = OFFSET.exec(text);
  if (!m) return null;
  return frame(m[2] ?? '', {
    offset: Number.parseInt(m[3] ?? '0', 16),
    size: Number.parseInt(m[4] ?? '0', 16),
    module: m[5],
    source: m[6],
    inline: m[7] !== undefined,
    unsure: m[1] !== undefined,
  });
}

/** `[<addr>] (callee) from [<addr>] (caller+0x../0x..)`: the line stands for the callee's frame. */
function arm32(text: string): CallFrame | null {
  const m = ARM32.exec(text);
  if (!m) return null;
  return frame(m[1] ?? '', {});
}

interface Optional {
  offset?: number | undefined;
  size?: number | undefined;
  module?: string | undefined;
  source?: string | undefined;
  inline?: boolean;
  unsure?: boolean;
}

function frame(fn: string, o: Optional): CallFrame {
  return {
    fn,
    ...(o.offset === undefined ? {} : { offset: o.offset }),
    ...(o.size === undefined ? {} : { size: o.size }),
    ...(o.module === undefined ? {} : { module: o.module }),
    ...(o.source === undefined ? {} : { source: o.source }),
    ...(o.inline ? { inline: true } : {}),
    ...(o.unsure ? { unsure: true } : {}),
  };
}

function lastWord(text: string): string {
  const parts = text.trim().split(' ');
  return parts[parts.length - 1] ?? text;
}
