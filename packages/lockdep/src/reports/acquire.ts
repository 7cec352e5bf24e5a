import type { CallFrame, WantMode } from '../graph/graph.ts';
import { isSrcuClass } from '../graph/lock-class.ts';

/** How a call path asks for its lock. */
export interface Asking {
  readonly want: WantMode;
  /** The function a programmer writes: `mutex_lock`, `down_read`, `synchronize_srcu`. */
  readonly op: string;
}

const OPS: readonly [RegExp, WantMode, string][] = [
  [/^_*synchronize_srcu/, 'synchronize', 'synchronize_srcu'],
  [/^_*synchronize_rcu/, 'synchronize', 'synchronize_rcu'],
  [/^_*srcu_(?:read_lock|lock_acquire)/, 'recursive-read', 'srcu_read_lock'],
  [/^_*mutex_(?:lock|trylock)|^__ww_mutex/, 'exclusive', 'mutex_lock'],
  [/^_*rt_mutex_lock|^rt_mutex_slowlock/, 'exclusive', 'rt_mutex_lock'],
  [/^_*raw_spin_(?:try)?lock|^queued_spin_lock/, 'exclusive', 'spin_lock'],
  [/^_*raw_read_(?:try)?lock/, 'read', 'read_lock'],
  [/^_*raw_write_(?:try)?lock/, 'exclusive', 'write_lock'],
  [/^cpus_read_lock|^get_online_cpus/, 'read', 'cpus_read_lock'],
  [/^cpus_write_lock|^cpu_hotplug_begin/, 'exclusive', 'cpus_write_lock'],
  [/^_*(?:percpu_)?down_read/, 'read', 'down_read'],
  [/^_*(?:percpu_)?down_write/, 'exclusive', 'down_write'],
  [/^_*(?:cancel_(?:delayed_)?work_sync|__cancel_work|cancel_work_timer)/, 'wait', 'cancel_work_sync'],
  [/^_*flush_work(?:$|\.)|^_*flush_delayed_work/, 'wait', 'flush_work'],
  [/^_*(?:flush|drain|destroy)_workqueue/, 'wait', 'flush_workqueue'],
  [/^_*wait_for_(?:common|completion)/, 'wait', 'wait_for_completion'],
  [/^lock_sock/, 'exclusive', 'lock_sock'],
  [/^process_one_work|^kthread_worker_fn/, 'exclusive', 'runs'],
];

/** Reads the lock operation off the innermost frames; falls back to a plain `lock`. */
export function askingOf(lock: string, path: readonly CallFrame[]): Asking {
  for (const frame of path.slice(0, 8)) {
    for (const [pattern, want, op] of OPS) if (pattern.test(frame.fn)) return { want, op };
  }
  return isSrcuClass(lock)
    ? { want: 'recursive-read', op: 'srcu_read_lock' }
    : { want: 'exclusive', op: 'lock' };
}

/** Spells the operation with its argument: `mutex_lock(&kvm->lock)`, `cpus_read_lock()`. */
export function spell(op: string, lock: string): string {
  if (op === 'runs') return `/* runs ${lock} */`;
  if (op === 'cpus_read_lock' || op === 'cpus_write_lock' || op === 'synchronize_rcu') return `${op}()`;
  const base = lock.replace(/\/\d+$/, '');
  const nested = base !== lock && op === 'mutex_lock' ? `, ${lock.slice(base.length + 1)}` : '';
  const argument = base.startsWith('&') || base.startsWith('(') || base.includes('->') ? base : `&${base}`;
  return nested ? `mutex_lock_nested(${argument}${nested})` : `${op}(${argument})`;
}

const PLUMBING =
  /^(?:_*lock_acquire|lock_sync|check_|print_|dump_|show_stack|lockdep_|mark_|debug_|validate_chain|_*mutex_lock|_raw_|__raw|_*down_|_*synchronize_|do_syscall|entry_|x64_sys_call|__x64_sys|__se_sys|__do_sys|__arm64_sys|invoke_syscall|do_el0|el0|vfs_ioctl|SyS_|ret_from|do_fast_syscall|compat_SyS|kthread|ksys_|asm_|sysvec_|ret_fast|exc_|cpus_read_lock)/;

/** The frames worth showing: without the lock's own internals and the system-call entry. */
export function tellingFrames(path: readonly CallFrame[]): CallFrame[] {
  const sure = path.filter((f) => !f.unsure);
  const telling = sure.filter((f) => !PLUMBING.test(f.fn));
  return telling.length > 0 ? telling : sure;
}
