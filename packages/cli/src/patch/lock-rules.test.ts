import { expect, test } from 'vitest';
import { rulesAgainst } from './lock-rules.ts';

const rules = (lock: string, held: string) => rulesAgainst([lock], [held]).map(({ rule }) => rule);

test('a mutex of the VM is not taken inside its read section, nor inside a lock that is inner to it', () => {
  expect(rules('+ mutex_lock(&kvm->lock)', 'kvm->srcu (section)')).toEqual([
    expect.stringMatching(/kvm->lock.*read section of.*kvm->srcu.*\(locking\.rst/),
  ]);
  expect(rules('+ mutex_lock(&kvm->lock)', 'vcpu->mutex')).toHaveLength(1);
});

test('a grace period under a lock that readers take', () => {
  expect(rules('+ synchronize_srcu(&kvm->srcu)', 'kvm->arch.xen.xen_lock')).toHaveLength(1);
  expect(rules('+ synchronize_srcu(&kvm->srcu)', 'kvm->slots_lock')).toEqual([]);
});

test('what obeys the rules, what is dropped, and what is removed by the patch is not named', () => {
  expect(rules('+ mutex_lock(&kvm->slots_lock)', 'kvm->lock')).toEqual([]);
  expect(rules('+ mutex_unlock(&kvm->lock)', 'kvm->srcu (section)')).toEqual([]);
  expect(rules('- mutex_lock(&kvm->lock)', 'kvm->srcu (section)')).toEqual([]);
  expect(rules('+ mutex_lock(&inode->lock)', 'kvm->srcu (section)')).toEqual([]);
});

test('a lock that is held already, the same or for reading, is judged by its own name only', () => {
  expect(rules('+ read_lock(&kvm->mmu_lock)', 'kvm->srcu (section)')).toEqual([]);
  expect(rules('+ spin_lock(&kvm->arch.tdp_mmu_pages_lock)', 'kvm->mmu_lock (read)')).toEqual([]);
});
