/** Goal: `review` on patches like those of the five documents names functions, locks and scenarios, and judges nothing else. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { faultline } from '../testing/run.ts';

const FOLDER = mkdtempSync(path.join(os.tmpdir(), 'faultline-review-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

interface Modelled {
  readonly here: string;
  readonly held: { readonly always: readonly string[]; readonly atTimes: readonly string[] };
  readonly steps: readonly string[];
  readonly scenarios: readonly string[];
  readonly races: readonly string[];
}

interface Reviewed {
  readonly files: readonly {
    readonly file: string;
    readonly names: readonly string[];
    readonly functions: readonly {
      readonly name: string;
      readonly locks: readonly string[];
      readonly calls: readonly { readonly name: string; readonly modelled: boolean }[];
      readonly modelled: readonly Modelled[];
    }[];
  }[];
  readonly modelled: readonly string[];
  readonly notModelled: readonly string[];
  readonly scenarios: readonly string[];
}

/** A diff of one hunk: the function above it, and changed lines as they are. */
function patch(file: string, above: string, ...lines: string[]): string {
  const old = lines.filter((line) => !line.startsWith('+')).length;
  const now = lines.filter((line) => !line.startsWith('-')).length;
  return [
    `diff --git a/${file} b/${file}`,
    `--- a/${file}`,
    `+++ b/${file}`,
    `@@ -200,${old} +200,${now} @@ ${above}`,
    ...lines,
    '',
  ].join('\n');
}

function review(text: string): Reviewed {
  const ran = faultline(['review', '-', '--json'], { input: text });
  expect(ran.status).toBe(0);
  return JSON.parse(ran.stdout) as Reviewed;
}

test('a delivery of Xen events that takes another lock: the deadlock and the lock are named', {
  timeout: 300_000,
}, () => {
  const found = review(
    patch(
      'arch/x86/kvm/xen.c',
      'static int kvm_xen_set_evtchn(struct kvm_xen_evtchn *xe, struct kvm *kvm)',
      ' 	bool mm_borrowed = false;',
      '-	mutex_lock(&kvm->lock);',
      '+	mutex_lock(&kvm->arch.xen.xen_lock);',
      ' 	rc = kvm_xen_set_evtchn_fast(xe, kvm);',
    ),
  );
  expect(found.modelled).toEqual(['kvm_xen_set_evtchn']);
  expect(found.files[0]?.functions[0]?.locks).toEqual([
    '- mutex_lock(&kvm->lock)',
    '+ mutex_lock(&kvm->arch.xen.xen_lock)',
  ]);
  const modelled = found.files[0]?.functions[0]?.modelled ?? [];
  expect(modelled.flatMap(({ held }) => held.atTimes)).toContain('kvm->arch.xen.xen_lock');
  expect(found.scenarios).toContain('xen/evtchn-deadlock');
});

test('a lock that a rule forbids where a survey saw what is held: the rule and its line, and no verdict', () => {
  const ran = faultline(['review', 'docs/examples/evtchn.patch']);
  expect(ran.stdout).toMatch(
    /mutex_lock\(&kvm->lock\) with kvm->srcu \(section\) held, as it is here at times: .*\(locking\.rst of 2025 \(6\.12 and later\), line 39\)/,
  );
  expect(ran.stdout).not.toMatch(/kvm->slots_lock held/);
  expect(ran.status).toBe(0);
});

test('a fault that asks a vCPU about APICv: the races of a toggle are named', () => {
  const found = review(
    patch(
      'arch/x86/kvm/mmu/mmu.c',
      'static bool kvm_faultin_pfn(struct kvm_vcpu *vcpu, struct kvm_page_fault *fault)',
      ' 	struct kvm_memory_slot *slot = fault->slot;',
      '-	if (is_apic_slot(slot) && !kvm_apicv_activated(vcpu->kvm))',
      '+	if (is_apic_slot(slot) && !kvm_vcpu_apicv_active(vcpu))',
      ' 		return true;',
    ),
  );
  expect(found.modelled).toEqual(['kvm_faultin_pfn']);
  expect(found.scenarios).toEqual(expect.arrayContaining(['apicv/stale-vcpu-state', 'apicv/stale-vm-state']));
  const [touched] = found.files[0]?.functions ?? [];
  expect(touched?.calls).toEqual([
    { name: 'is_apic_slot', modelled: false },
    { name: 'kvm_apicv_activated', modelled: true },
    { name: 'kvm_vcpu_apicv_active', modelled: true },
  ]);
  expect(touched?.modelled.every(({ held }) => held.always.includes('kvm->srcu (section)'))).toBe(true);
});

test('a second bump of the generation: the step, its races and slots_lock are named', () => {
  const found = review(
    patch(
      'virt/kvm/kvm_main.c',
      'static struct kvm_memslots *install_new_memslots(struct kvm *kvm,',
      ' 	rcu_assign_pointer(kvm->memslots, slots);',
      ' 	synchronize_srcu_expedited(&kvm->srcu);',
      '+	slots->generation++;',
      ' 	kvm_arch_memslots_updated(kvm);',
    ),
  );
  const [modelled] = found.files[0]?.functions[0]?.modelled ?? [];
  expect(modelled?.here).toMatch(
    /^packages\/kvm\/src\/virt\/install-memslots\.ts:\d+ installNewMemslots\(\)$/,
  );
  expect(modelled?.held.always).toContain('kvm->slots_lock');
  expect(modelled?.steps).toContain('memslots.second_generation_bump');
  expect(modelled?.races).toContain('memslots/code-before-the-fix');
  expect(found.scenarios).toContain('memslots/stale-mmio-decision');
});

test('a fast page fault that writes plainly, and the document that describes it', () => {
  const found = review(
    patch(
      'arch/x86/kvm/mmu/mmu.c',
      'static bool fast_pf_fix_direct_spte(struct kvm_vcpu *vcpu, struct kvm_page_fault *fault,',
      ' 	bool fixed = true;',
      '-	if (!try_cmpxchg64(sptep, &old_spte, new_spte))',
      '-		return false;',
      '+	WRITE_ONCE(*sptep, new_spte);',
      ' 	mark_page_dirty_in_slot(vcpu->kvm, fault->slot, fault->gfn);',
    ) +
      patch(
        'Documentation/virt/kvm/locking.rst',
        '',
        ' One way out of mmu_lock.',
        '+What mmu_spte_clear_track_bits() reads may be old when it writes.',
      ),
  );
  expect(found.modelled).toEqual(['fast_pf_fix_direct_spte']);
  expect(found.scenarios).toContain('mmu/dirty-bit-lost');
  expect(found.files[1]?.names).toEqual(['mmu_spte_clear_track_bits']);
});

test('an aging of arm64 that looks at the table first: the race with a teardown, and the lock, are named', () => {
  const found = review(
    patch(
      'virt/kvm/arm/mmu.c',
      'int kvm_age_hva(struct kvm *kvm, unsigned long start, unsigned long end)',
      ' {',
      '+	if (!READ_ONCE(kvm->arch.pgd))',
      '+		return 0;',
      ' 	trace_kvm_age_hva(start, end);',
    ) +
      patch(
        'virt/kvm/arm/mmu.c',
        'static pud_t *stage2_get_pud(struct kvm *kvm, struct kvm_mmu_memory_cache *cache,',
        ' 	pud_t *pud;',
        '+	if (!READ_ONCE(kvm->arch.pgd))',
        '+		return NULL;',
      ),
  );
  expect(found.modelled).toEqual(['kvm_age_hva', 'stage2_get_pud']);
  expect(found.notModelled).toEqual([]);
  const [aging] = found.files[0]?.functions ?? [];
  const [modelled] = aging?.modelled ?? [];
  expect(modelled?.held.always).toContain('kvm->mmu_lock');
  expect(modelled?.steps).toContain('arm64.check_pgd_before_aging');
  expect(modelled?.scenarios).toContain('arm64/age-after-free');
  expect(modelled?.races).toContain('arm64/before-the-fix');
});

test('a patch outside the model: it says so, and judges nothing', () => {
  const text = patch(
    'fs/ext4/inode.c',
    'static int ext4_frobnicate(struct inode *inode)',
    '-	a(READ_ONCE(inode->i));',
    '+	mutex_lock(&inode->lock);',
    '+	b(inode);',
  );
  const ran = faultline(['review', '-'], { input: text });
  expect(ran.stdout).toMatch(/calls {5}not in the model: a, b\n/);
  expect(ran.stdout).toMatch(/ext4_frobnicate\(\) \+2 -1 {2}not in the model/);
  expect(ran.stdout).toMatch(
    /The model has none of the functions that this patch touches\. It says nothing about it\.\n$/,
  );
  expect(ran.status).toBe(0);
});

test('a text without a diff is bad input', () => {
  const file = path.join(FOLDER, 'letter.mbox');
  writeFileSync(file, 'Subject: hello\n\nno diff here\n');
  const ran = faultline(['review', file]);
  expect(ran.stderr).toMatch(/letter\.mbox holds no diff; expected the output of 'git format-patch'/);
  expect(ran.status).toBe(2);
  expect(faultline(['review', 'gone.patch']).status).toBe(2);
});

test('where prints place, locks, steps and scenarios of a function by either of its names', () => {
  for (const name of ['kvm_zap_gfn_range', 'zapGfnRange()']) {
    const ran = faultline(['where', name]);
    expect(ran.stdout).toMatch(
      /^kvm_zap_gfn_range\(\) {2}arch\/x86\/kvm\/mmu\/mmu\.c\n {2}here +packages\/kvm\/src\/x86\/zap-gfn-range\.ts:\d+ zapGfnRange\(\)\n/,
    );
    expect(ran.stdout).toMatch(/kvm->arch\.apicv_update_lock: throughout, in all \d+ scenarios/);
    expect(ran.stdout).toMatch(/kvm->mmu_lock \(write\): at times in \d+/);
    expect(ran.stdout).toMatch(/apicv\.flush_zapped_range \(line \d+\)/);
    expect(ran.stdout).toMatch(/apicv\/stale-vcpu-state/);
    expect(ran.status).toBe(0);
  }
});

test('an unknown name gets near ones', () => {
  const ran = faultline(['where', 'kvm_zap_gfn_rang']);
  expect(ran.stderr).toMatch(/no function 'kvm_zap_gfn_rang'\. Did you mean 'kvm_zap_gfn_range'/);
  expect(ran.status).toBe(2);
});
