import { beforeEach, expect, test } from 'vitest';
import { E2BIG, EINVAL } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { createVcpu } from './create-vcpu.ts';
import { createVm, type VmOptions } from './create-vm.ts';
import { enableDirtyLogRing } from './dirty-ring-ioctl.ts';
import type { Vcpu } from './kvm.ts';

const MMU = { pages: 1, frames: 1 };

beforeEach(() => freshArena(1 << 20));

test.each<[VmOptions, RegExp]>([
  [{ mmu: { ...MMU, pml: 5 } }, /at most 4 entries/],
  [{ mmu: { ...MMU, pml: 2, adBits: false } }, /needs A\/D bits/],
  [{ mmu: { ...MMU, pml: 2, remoteFlush: 'real' } }, /vCPUs that are always in their guest/],
  [{ dirtyRing: { entries: 3, reserved: 1 } }, /a power of two of entries, at most 65536/],
  [{ dirtyRing: { entries: 64 } }, /more than the 64 that stay free/],
  [{ dirtyRing: { entries: 128 }, mmu: { ...MMU, pml: 2 } }, /goes without a page-modification log/],
])('hardware that the model does not have is refused: %j', (options, reason) => {
  expect(() => runAlone(createVm(options))).toThrow(reason);
});

test.each([
  [0, -EINVAL],
  [4096 + 16, -EINVAL],
  [2048, -EINVAL],
  [65_536 * 16 * 2, -E2BIG],
  [Number.NaN, -EINVAL],
  [4096, 0],
  [65_536 * 16, 0],
])('KVM_CAP_DIRTY_LOG_RING of %d bytes returns %d', (bytes, result) => {
  expect(runAlone(enableDirtyLogRing(runAlone(createVm()), bytes))).toBe(result);
});

test('rings are chosen once, before the first vCPU, and each vCPU has one of that size', () => {
  const kvm = runAlone(createVm());
  expect(runAlone(enableDirtyLogRing(kvm, 4096))).toBe(0);
  expect(runAlone(enableDirtyLogRing(kvm, 8192))).toBe(-EINVAL);
  expect((runAlone(createVcpu(kvm, 0)) as Vcpu).dirtyRing?.size).toBe(256);
  const late = runAlone(createVm());
  runAlone(createVcpu(late, 0));
  expect(runAlone(enableDirtyLogRing(late, 4096))).toBe(-EINVAL);
});
