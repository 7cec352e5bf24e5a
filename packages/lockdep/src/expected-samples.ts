/**
 * What a reader finds in each file of the sample collection, written down by eye before the parser existed.
 * Locks of a lock report: first the one wanted, then the one held (or the lock the report is about).
 * A cycle starts at the held lock: each name is taken inside the one before it, and the last closes on the first.
 */
export interface ExpectedRecord {
  readonly kind: string;
  readonly title: string;
  readonly task?: string;
  readonly locks?: readonly string[];
  readonly cycle?: readonly string[];
  /** How many locks each "N locks held by" list names, in order of appearance. */
  readonly held?: readonly number[];
}

export interface ExpectedSample {
  readonly file: string;
  /** Exit status of `explain` on the file. */
  readonly exit: 0 | 1;
  readonly records: readonly ExpectedRecord[];
}

const report = (
  kind: string,
  title: string,
  task: string,
  locks: readonly string[],
  more: Partial<ExpectedRecord> = {},
): ExpectedRecord => ({ kind, title, task, locks, ...more });

const data = (kind: string, title: string): ExpectedRecord => ({ kind, title });

const problem = (file: string, ...records: ExpectedRecord[]): ExpectedSample => ({ file, exit: 1, records });
const understood = (file: string, ...records: ExpectedRecord[]): ExpectedSample => ({
  file,
  exit: 0,
  records,
});

export const expectedSamples: readonly ExpectedSample[] = [
  problem(
    'kvm-circular-kvm_lock-cpu_hotplug_lock-srcu-slots_lock.dmesg',
    report(
      'circular',
      'possible deadlock in set_nx_huge_pages',
      'tee/27085',
      ['&kvm->slots_lock', 'kvm_lock'],
      {
        cycle: ['kvm_lock', '&kvm->slots_lock', '&kvm->srcu', 'cpu_hotplug_lock'],
        held: [5],
      },
    ),
  ),
  problem('kvm-vgic-srcu-config_lock-commitmsg.txt', {
    kind: 'circular',
    title: 'possible deadlock in vgic_mmio_write_v3_misc',
    locks: ['&kvm->arch.config_lock', '&kvm->srcu'],
    cycle: ['&kvm->srcu', '&kvm->arch.config_lock'],
  }),
  problem(
    'kvm-recursive-sev_lock_two_vms-mailquoted.txt',
    report(
      'recursive',
      'possible deadlock in svm_vm_copy_asid_from',
      'syz-executor.6/4919',
      ['&kvm->lock', '&kvm->lock'],
      { cycle: ['&kvm->lock'], held: [1] },
    ),
  ),
  problem(
    'kvm-xen_lock-recursive.txt',
    report(
      'recursive',
      'possible deadlock in kvm_xen_set_evtchn',
      'xen_shinfo_test/250013',
      ['&kvm->arch.xen.xen_lock', '&kvm->arch.xen.xen_lock'],
      { cycle: ['&kvm->arch.xen.xen_lock'], held: [2] },
    ),
  ),
  problem(
    'kvm-bad-unlock-balance-sev-mailwrapped.txt',
    report(
      'bad-unlock-balance',
      'WARNING: bad unlock balance in sev_lock_vcpus_for_migration',
      'sev_migrate_tes/107600',
      ['&vcpu->mutex'],
      { held: [3] },
    ),
  ),
  problem(
    'kvm-suspicious-rcu-gfn_to_memslot.txt',
    report('suspicious-rcu', 'WARNING: suspicious RCU usage in gfn_to_memslot', 'syz.0.17/5871', [], {
      held: [1],
    }),
  ),
  problem('kvm-kcsan-last_boosted_vcpu-symbolized.txt', {
    kind: 'kcsan',
    title: 'KCSAN: data-race in kvm_vcpu_on_spin / kvm_vcpu_on_spin',
  }),
  problem('kvm-task-hung-all-locks-held-qp-encoded.eml-part', {
    kind: 'all-locks-held',
    title: 'INFO: task hung: all locks held in the system',
    held: [1, 2, 2],
  }),
  understood('race-diagram-kcsan-last_boosted_vcpu.txt', data('race-table', 'race table: CPU0, CPU1')),
  problem('race-diagram-deassign-irq-deadlock.txt', {
    kind: 'race-table',
    title: 'race table: CPU A, CPU B',
    cycle: ['&kvm->lock', 'work'],
  }),
  understood('ftrace-kvm-fast_page_fault-mailwrapped.txt', data('kvm-trace', 'ftrace text, 13 events')),
  understood('ftrace-kvm_page_fault-seanjc.txt', data('kvm-trace', 'ftrace text, 5 events')),
  understood('ftrace-kvm_page_fault-snp-4digit-flags.txt', data('kvm-trace', 'ftrace text, 4 events')),
  understood('ftrace-tdp_mmu-stacktrace-4flags.txt', data('kvm-trace', 'ftrace text, 2 events')),
  understood('ftrace-kvm-old-noflags.txt', data('kvm-trace', 'ftrace text, 9 events')),
  understood('ftrace-kvm-kvmmmu-local-6.18-recorded.txt', data('kvm-trace', 'ftrace text, 116 events')),
  understood('perf-script-lock-contention-local.txt', data('lock-trace', 'perf script text, 5 events')),
  understood('perf-lock-contention-namhyung.txt', data('perf-lock', 'perf lock contention, 8 rows')),
  understood('perf-lock-contention-lockaddr.txt', data('perf-lock', 'perf lock contention, 10 rows')),
  understood('perf-lock-contention-stacks.txt', data('perf-lock', 'perf lock contention, 1 row')),
  understood('proc-lockdep_chains-peterz.txt', data('proc-chains', '/proc/lockdep_chains, 5 chains')),
  understood('proc-lockdep-chains-v4l2.txt', data('proc-chains', '/proc/lockdep_chains, 5 chains')),
  understood('proc-lockdep-no-prove_locking.txt', data('proc-lockdep', '/proc/lockdep, 6 classes, 0 edges')),
  understood('proc-lock_stat-lockstat.rst.txt', data('lock-stat', '/proc/lock_stat 0.4, 3 rows')),
  problem(
    'kvm-xen-srcu-kvm_lock-dwmw2.dmesg',
    report(
      'circular',
      'possible deadlock in __synchronize_srcu',
      'deadlocks_test/22767',
      ['&kvm->srcu', '&kvm->lock'],
      { cycle: ['&kvm->lock', '&kvm->srcu'], held: [1] },
    ),
  ),
  understood('must-not-warn-srcu-vs-mutex-bonzini.txt', data('race-table', 'race table: CPU 1, CPU 2')),
  understood(
    'must-not-warn-srcu-vs-rwlock-mckenney.txt',
    data('race-table', 'race table: CPU 0, CPU 1, CPU 2, CPU 3'),
  ),
  problem(
    'syzkaller-report-114.txt',
    { kind: 'suspicious-rcu', title: 'WARNING: suspicious RCU usage' },
    {
      kind: 'oops',
      title: 'BUG: unable to handle kernel NULL pointer dereference in kfree',
      task: 'syz-executor7/17319',
    },
  ),
  problem(
    'syzkaller-report-185.txt',
    report(
      'circular',
      'possible deadlock in do_ip_setsockopt',
      'syz-executor5/5807',
      ['sk_lock-AF_INET', 'rtnl_mutex'],
      { cycle: ['rtnl_mutex', 'sk_lock-AF_INET', '&xt[i].mutex'], held: [1] },
    ),
  ),
  problem(
    'syzkaller-report-257.txt',
    report(
      'held-at-return',
      'WARNING: lock held when returning to user space in fuse_lock_inode',
      'syz-executor0/17896',
      ['&fi->mutex'],
      { held: [1] },
    ),
  ),
  problem(
    'syzkaller-report-26.txt',
    report(
      'circular',
      'possible deadlock in blkdev_reread_part',
      'syz-executor0/22269',
      ['&bdev->bd_mutex', '&lo->lo_ctl_mutex#2'],
      { cycle: ['&lo->lo_ctl_mutex#2', '&bdev->bd_mutex'], held: [1] },
    ),
  ),
  problem(
    'syzkaller-report-397.txt',
    report(
      'held-lock-freed',
      'BUG: held lock freed in sctp_sendmsg',
      'syzkaller434861/3744',
      ['sk_lock-AF_INET6'],
      {
        held: [1],
      },
    ),
  ),
  problem('syzkaller-report-427.txt', {
    kind: 'kcsan',
    title: 'KCSAN: data-race in find_next_bit / rcu_report_exp_cpu_mult',
    task: 'syz-fuzzer/6252',
  }),
  problem(
    'syzkaller-report-527.txt',
    report('suspicious-rcu', 'WARNING: suspicious RCU usage in gc_worker', 'kworker/u4:4/178', [], {
      held: [2],
    }),
  ),
  problem(
    'syzkaller-report-530.txt',
    report(
      'bad-unlock-balance',
      'WARNING: bad unlock balance in restore_fpsimd_context',
      'syz-fuzzer/4405',
      ['&mm->mmap_lock'],
      { held: [0] },
    ),
  ),
  problem(
    'syzkaller-report-546.txt',
    report('invalid-wait-context', 'WARNING: locking bug in deactivate_slab', 'udevd/95', ['&n->list_lock'], {
      held: [1],
    }),
  ),
  problem(
    'syzkaller-report-553.txt',
    report(
      'inconsistent-state',
      'inconsistent lock state in io_file_data_ref_zero',
      'swapper/0/0',
      ['&file_data->lock'],
      { cycle: ['&file_data->lock'], held: [2] },
    ),
  ),
  problem(
    'syzkaller-report-557.txt',
    report(
      'irq-safe-to-unsafe',
      'possible deadlock in input_event',
      'syz-executor.4/17509',
      ['&new->fa_lock', '&client->buffer_lock'],
      { cycle: ['&dev->event_lock', '&client->buffer_lock', '&new->fa_lock'], held: [7] },
    ),
  ),
  problem(
    'syzkaller-report-558.txt',
    report(
      'irq-safe-to-unsafe',
      'possible deadlock in io_timeout_fn',
      'syz-executor.2/6133',
      ['&new->fa_lock'],
      { cycle: ['&ctx->completion_lock#2', '&new->fa_lock'], held: [3] },
    ),
  ),
  problem(
    'syzkaller-report-608.txt',
    report(
      'sleeping-in-atomic',
      'BUG: sleeping function called from invalid context in __alloc_skb',
      'syz-executor.1/22160',
      [],
      { held: [1] },
    ),
  ),
  problem(
    'syzkaller-report-628.txt',
    report(
      'sleeping-in-atomic',
      'BUG: sleeping function called from invalid context in console_lock',
      'syz-executor925/6529',
      [],
      { held: [3] },
    ),
  ),
  problem(
    'linux-6.1-selftests/dmesg-xen_shinfo-lockdep.txt',
    report(
      'circular',
      'possible deadlock in kvm_xen_vcpu_set_attr',
      'xen_shinfo_test/38',
      ['&kvm->lock', '&vcpu->mutex'],
      { cycle: ['&vcpu->mutex', '&kvm->lock'], held: [1] },
    ),
  ),
  understood(
    'linux-6.1-selftests/proc-lockdep.txt',
    data('proc-lockdep', '/proc/lockdep, 524 classes, 1290 edges'),
  ),
  understood(
    'linux-6.1-selftests/proc-lockdep-primed.txt',
    data('proc-lockdep', '/proc/lockdep, 445 classes, 1038 edges'),
  ),
  understood(
    'linux-6.1-selftests/proc-lockdep_chains.txt',
    data('proc-chains', '/proc/lockdep_chains, 2823 chains'),
  ),
  understood(
    'linux-6.1-selftests/proc-lockdep_stats.txt',
    data('lockdep-stats', '/proc/lockdep_stats, 35 values'),
  ),
  understood('linux-6.1-selftests/proc-lock_stat.txt', data('lock-stat', '/proc/lock_stat 0.4, 20 rows')),
  understood('linux-6.1-selftests/locking.rst', data('locking-rst', 'locking document, 15 rules')),
  understood('linux-6.1-selftests/trace-access_tracking.txt', data('kvm-trace', 'ftrace text, 2488 events')),
  understood('linux-6.1-selftests/trace-dirty_log_clear.txt', data('kvm-trace', 'ftrace text, 2987 events')),
  understood(
    'linux-6.1-selftests/trace-memslot_modification.txt',
    data('kvm-trace', 'ftrace text, 2488 events'),
  ),
  understood(
    'linux-6.1-selftests/trace-set_memory_region.txt',
    data('kvm-trace', 'ftrace text, 2988 events'),
  ),
  understood('linux-6.1-selftests/trace-xapic_ipi.txt', data('kvm-trace', 'ftrace text, 1488 events')),
  understood('linux-6.1-selftests/trace-xen_shinfo.txt', data('kvm-trace', 'ftrace text, 2488 events')),
];
