import type { CallFrame } from '../graph/graph.ts';
import { plainName } from './frames.ts';
import type { Report } from './report.ts';

/** Functions that stand between the cause and the report: validators, printers, lock and allocator entries. */
const SKIP =
  /^(?:_*lock_acquire|lock_sync|lock_release|_*lock_(?:contended|acquired)|check_|print_|dump_|show_stack|validate_chain|mark_|lockdep_|_*might_|debug_|_raw_|__raw_|do_raw_|_*mutex_(?:lock|unlock|trylock)|_*down_(?:read|write)|_*up_(?:read|write)|rwsem_|percpu_(?:down|up)_|_*rt_mutex_|_*kmem_cache_|_*kmalloc|_*kvmalloc|slab_|_*alloc_pages|rcu_(?:read|lock)|lock_is_held|_*schedule|schedule_|kcsan_|_*tsan_|_*kcsan_|_*warn|report_bug|handle_bug|exc_|asm_exc_|report_)/;

/** One line that names the problem, the way syzkaller names it, so that it can be searched for. */
export function reportTitle(r: Report): string {
  const here = guilty(r);
  switch (r.kind) {
    case 'circular':
    case 'recursive':
    case 'irq-safe-to-unsafe':
    case 'irq-inversion':
      return inside('possible deadlock', here);
    case 'inconsistent-state':
      return inside('inconsistent lock state', here);
    case 'invalid-wait-context':
      return inside('WARNING: locking bug', here);
    case 'bad-unlock-balance':
      return inside('WARNING: bad unlock balance', here);
    case 'bad-contention':
      return inside('WARNING: bad contention', here);
    case 'held-lock-freed':
      return inside('BUG: held lock freed', here);
    case 'held-at-exit':
      return inside('WARNING: lock held at task exit', here);
    case 'held-at-return':
      return inside('WARNING: lock held when returning to user space', here);
    case 'nested-lock-not-taken':
      return inside('WARNING: nested lock was not taken', here);
    case 'suspicious-rcu':
      return inside('WARNING: suspicious RCU usage', here);
    case 'sleeping-in-atomic':
      return inside('BUG: sleeping function called from invalid context', here);
    case 'scheduling-in-atomic':
      return inside('BUG: scheduling while atomic', here);
    case 'non-static-key':
      return inside('INFO: trying to register non-static key', here);
    case 'hung-task':
      return inside('INFO: task hung', here);
    case 'all-locks-held':
      return 'INFO: task hung: all locks held in the system';
    case 'limit':
      return `BUG: ${r.limit ?? 'a lockdep table'} too low`;
    case 'stall':
      return inside(
        /^soft lockup/.test(r.headline)
          ? 'BUG: soft lockup'
          : /^rcu/.test(r.headline)
            ? 'INFO: rcu detected stall'
            : 'BUG: workqueue lockup',
        here,
      );
    case 'kcsan':
      return r.headline.replace(/ \[\w+\]/g, '');
    case 'oops':
      return inside(oopsName(r.headline), here);
  }
}

/** The function to name; null when the text does not show one. */
function guilty(r: Report): string | null {
  const stack = r.stack.slice(0, r.stackCut ?? r.stack.length);
  switch (r.kind) {
    case 'circular':
      return name(r.wanted?.at) ?? first(r.chain.find((l) => l.index === 0)?.path);
    case 'irq-safe-to-unsafe': {
      const safe = r.paths.find((p) => p.label.endsWith('-safe'));
      return first(safe?.frames) ?? name(r.wanted?.at);
    }
    case 'recursive':
    case 'irq-inversion':
    case 'inconsistent-state':
    case 'invalid-wait-context':
      return name(r.wanted?.at) ?? first(stack);
    case 'held-lock-freed':
    case 'held-at-return':
    case 'held-at-exit':
      return name(r.wanted?.at) ?? name(r.held[0]?.locks[0]?.at) ?? first(stack);
    case 'bad-unlock-balance':
    case 'bad-contention':
      return first(stack) ?? first(r.paths.find((p) => p.label === 'released at')?.frames);
    case 'stall':
    case 'oops':
      return first(r.paths.find((p) => p.label === 'faulted in')?.frames) ?? first(stack);
    default:
      return first(stack);
  }
}

function inside(what: string, fn: string | null): string {
  return fn ? `${what} in ${fn}` : what;
}

function name(frame: CallFrame | undefined): string | null {
  return frame ? plainName(frame.fn) : null;
}

function first(frames: readonly CallFrame[] | undefined): string | null {
  const frame = frames?.find((f) => !f.unsure && !f.inline && !SKIP.test(f.fn));
  return frame ? plainName(frame.fn) : null;
}

function oopsName(headline: string): string {
  const short = headline
    .replace(/ at (?:virtual address )?[0-9a-f]{8,16}$/, '')
    .replace(/^WARNING: CPU: \d+ PID: \d+ at (\S+) .*$/, 'WARNING: $1');
  return /^(?:unable|kernel NULL|KASAN|soft lockup|spinlock)/.test(short) ? `BUG: ${short}` : short;
}
