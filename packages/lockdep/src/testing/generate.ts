/** Lock reports written by us in the kernel's grammar, for tests and for fuzzing. */

export type Arch = 'x86' | 'arm64' | 's390' | 'x86-4.x';

export interface Plan {
  readonly task: string;
  readonly pid: number;
  /** Class names; the first is the lock held, the second the one wanted, and so on round the cycle. */
  readonly locks: readonly string[];
  readonly functions: readonly string[];
  readonly kernel: string;
  readonly arch: Arch;
}

export const samplePlan: Plan = {
  task: 'qemu',
  pid: 4242,
  locks: ['&demo->outer', '&demo->inner', '&demo->third'],
  functions: ['demo_take', 'demo_ioctl', 'demo_entry'],
  kernel: '6.1.0',
  arch: 'x86',
};

const RULE = '='.repeat(54);
const LINE = '-'.repeat(54);

function addressOf(i: number): string {
  return `ffff8881000${(0x10000 + i * 0x40).toString(16)}`;
}

function usage(arch: Arch): string {
  return arch === 'x86-4.x' ? '{+.+.}' : '{+.+.}-{3:3}';
}

function lockLine(p: Plan, i: number, fn: string): string {
  const name = p.locks[i % p.locks.length] ?? '';
  if (p.arch === 'x86-4.x') return ` (${name})${usage(p.arch)}, at: [<${addressOf(i)}>] ${fn}+0x24/0x3c0`;
  return `${addressOf(i)} (${name})${usage(p.arch)}, at: ${fn}+0x24/0x3c0`;
}

export function stack(p: Plan, indent = ' '): string[] {
  const frames = ['lock_acquire', '__mutex_lock', ...p.functions, 'do_syscall_64'];
  return frames.map((fn, i) => {
    const place = `${fn}+0x${(i + 16).toString(16)}/0x120`;
    if (p.arch === 's390')
      return i === 0 ? `${indent}([<000000000011d0f4>] ${place})` : `${indent} [<000000000011d0f4>] ${place}`;
    if (p.arch === 'x86-4.x') return `${indent}[<ffffffff8110d0f4>] ${place}`;
    return `${indent}${place}`;
  });
}

function backtrace(p: Plan): string[] {
  return [
    'stack backtrace:',
    `CPU: 1 PID: ${p.pid} Comm: ${p.task} Not tainted ${p.kernel} #1`,
    'Hardware name: a test',
    p.arch === 'arm64' ? 'Call trace:' : 'Call Trace:',
    ...stack(p),
  ];
}

function head(title: string, p: Plan): string[] {
  return [RULE, title, `${p.kernel} #1 Not tainted`, LINE];
}

function held(p: Plan, count: number): string[] {
  if (count === 0) return [`no locks held by ${p.task}/${p.pid}.`];
  const lines = [`${count} lock${count === 1 ? '' : 's'} held by ${p.task}/${p.pid}:`];
  for (let i = 0; i < count; i++) lines.push(` #${i}: ${lockLine(p, i, p.functions[0] ?? 'f').trim()}`);
  return lines;
}

export function circular(p: Plan): string {
  const n = p.locks.length;
  const chain: string[] = [];
  for (let k = n - 1; k >= 0; k--) {
    const name = p.locks[(k + 1) % n] ?? '';
    chain.push(`-> #${k} (${name})${usage(p.arch)}:`, ...stack(p, '       '), '');
  }
  return [
    ...head('WARNING: possible circular locking dependency detected', p),
    `${p.task}/${p.pid} is trying to acquire lock:`,
    lockLine(p, 1, p.functions[0] ?? 'f'),
    '',
    'but task is already holding lock:',
    lockLine(p, 0, p.functions[1] ?? 'f'),
    '',
    'which lock already depends on the new lock.',
    '',
    'the existing dependency chain (in reverse order) is:',
    '',
    ...chain,
    'other info that might help us debug this:',
    '',
    ' *** DEADLOCK ***',
    '',
    ...held(p, 1),
    '',
    ...backtrace(p),
    '',
  ].join('\n');
}

export function recursive(p: Plan, sameInstance: boolean): string {
  const one = { ...p, locks: [p.locks[0] ?? ''] };
  return [
    ...head('WARNING: possible recursive locking detected', p),
    `${p.task}/${p.pid} is trying to acquire lock:`,
    lockLine(one, sameInstance ? 0 : 1, p.functions[0] ?? 'f'),
    'but task is already holding lock:',
    lockLine(one, 0, p.functions[1] ?? 'f'),
    '',
    ...held(one, 1),
    ...backtrace(p),
    '',
  ].join('\n');
}

export function irqInversion(p: Plan): string {
  const [a = '', b = ''] = p.locks;
  return [
    ...head('WARNING: possible irq lock inversion dependency detected', p),
    `${p.task}/${p.pid} just changed the state of lock:`,
    lockLine(p, 0, p.functions[0] ?? 'f'),
    'but this lock took another, HARDIRQ-unsafe lock in the past:',
    ` (${b}){+.+.}-{2:2}`,
    '',
    'and interrupts could create inverse lock ordering between them.',
    '',
    'other info that might help us debug this:',
    ' Possible interrupt unsafe locking scenario:',
    '       CPU0                    CPU1',
    '       ----                    ----',
    `  lock(${b});`,
    '                               local_irq_disable();',
    `                               lock(${a});`,
    `                               lock(${b});`,
    '  <Interrupt>',
    `    lock(${a});`,
    ' *** DEADLOCK ***',
    ...held(p, 0),
    ...backtrace(p),
    '',
  ].join('\n');
}

export function heldAtExit(p: Plan): string {
  return [
    ...head(`WARNING: ${p.task}/${p.pid} still has locks held!`, p),
    ...held(p, 1),
    ...backtrace(p),
    '',
  ].join('\n');
}

export function nestedNotTaken(p: Plan): string {
  return [
    ...head('WARNING: Nested lock was not taken', p),
    `${p.task}/${p.pid} is trying to lock:`,
    lockLine(p, 0, p.functions[0] ?? 'f'),
    'but this task is not holding:',
    p.locks[1] ?? '',
    ...backtrace(p),
    '',
  ].join('\n');
}

export function depthLimit(p: Plan): string {
  return [
    'BUG: MAX_LOCK_DEPTH too low!',
    'turning off the locking correctness validator.',
    'depth: 48  max: 48!',
    ...held(p, 48),
    'INFO: lockdep is turned off.',
    ...backtrace(p).slice(1),
    '',
  ].join('\n');
}

export function hungTask(p: Plan): string {
  return [
    `INFO: task ${p.task}:${p.pid} blocked for more than 120 seconds.`,
    `      Not tainted ${p.kernel} #1`,
    '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
    `task:${p.task}            state:D stack:    0 pid: ${p.pid} ppid:     1 flags:0x00004000`,
    'Call Trace:',
    ' <TASK>',
    ' __schedule+0x2e1/0x8d0',
    ' schedule+0x5b/0xd0',
    ' schedule_preempt_disabled+0x15/0x20',
    ...stack(p).slice(1),
    ' </TASK>',
    '',
    'Showing all locks held in the system:',
    ...held(p, 2),
    '',
    '=============================================',
    '',
  ].join('\n');
}

export function suspiciousRcu(p: Plan): string {
  return [
    ...head('WARNING: suspicious RCU usage', p),
    'virt/demo.c:77 suspicious rcu_dereference_check() usage!',
    'other info that might help us debug this:',
    'rcu_scheduler_active = 2, debug_locks = 1',
    ...held(p, 0),
    ...backtrace(p),
    '',
  ].join('\n');
}

/** Each line with a time stamp of one of the kinds in use. */
export function stamped(
  text: string,
  kind: 'printk' | 'caller' | 'syslog' | 'human' | 'level',
  caller = 'T4242',
): string {
  let t = 100;
  const prefix = () => {
    t += 0.001;
    switch (kind) {
      case 'printk':
        return `[${t.toFixed(6).padStart(12)}] `;
      case 'caller':
        return `[${t.toFixed(6).padStart(12)}][${caller.padStart(6)}] `;
      case 'level':
        return `<4>[${t.toFixed(6).padStart(12)}] `;
      case 'human':
        return '[Tue May  7 10:00:00 2024] ';
      case 'syslog':
        return `May  7 10:00:00 host kernel: [${t.toFixed(6)}] `;
    }
  };
  return text
    .split('\n')
    .map((l) => prefix() + l)
    .join('\n');
}

/** Lines of several texts taken in turns, as two CPUs print at once. */
export function interleaved(...texts: readonly string[]): string {
  const all = texts.map((t) => t.split('\n'));
  const out: string[] = [];
  for (let i = 0; i < Math.max(...all.map((l) => l.length)); i++) {
    for (const lines of all) {
      const line = lines[i];
      if (line !== undefined) out.push(line);
    }
  }
  return out.join('\n');
}
