/** Goal: a difference is found, and shown in the fewest calls. Without a device: the other side is an echo of ours. */
import { errno } from '@faultline/kvm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { callText } from './calls.ts';
import { compareKvms } from './campaign.ts';
import { compareGuest } from './compare-guests.ts';
import { HELLO_WORLD } from './guests.ts';
import { openOurKvm } from './our-kvm.ts';
import { type Change, echoOf } from './testing/echo.ts';

const { EEXIST, EINVAL } = errno;
const MACHINE = { userMemSlots: 32_764, addressSpaces: 1, maxGfn: 2 ** 40 } as const;

const compared = (change: Change, calls: number, guests = 0) => {
  const { ours, theirs } = echoOf(openOurKvm(MACHINE), change);
  return compareKvms(fc, ours, theirs, MACHINE, { calls, guests, seed: 1 });
};

test('an echo of ours does not differ, and every ioctl is both taken and refused', async () => {
  const result = await compared((_, answer) => answer, 4000);
  expect(result.unexplained).toEqual([]);
  expect(result.calls).toBeGreaterThanOrEqual(4000);
  const refusing = [...result.byName].filter(([, { results }]) => results.size > 1).map(([name]) => name);
  expect(refusing.sort()).toEqual([
    'KVM_CLEAR_DIRTY_LOG',
    'KVM_CREATE_VCPU',
    'KVM_ENABLE_CAP',
    'KVM_GET_DIRTY_LOG',
    'KVM_IOEVENTFD',
    'KVM_REGISTER_COALESCED_MMIO',
    'KVM_RESET_DIRTY_RINGS',
    'KVM_RUN',
    'KVM_SET_IDENTITY_MAP_ADDR',
    'KVM_SET_TSS_ADDR',
    'KVM_SET_USER_MEMORY_REGION',
    'KVM_UNREGISTER_COALESCED_MMIO',
  ]);
});

test('an errno that is another one is found, in the two calls that it takes', async () => {
  const result = await compared(
    (method, answer) => (method === 'createVcpu' && answer === -EEXIST ? -EINVAL : answer),
    2000,
  );
  const [first] = result.unexplained;
  expect(first?.calls.map(callText).join(', ')).toMatch(/^KVM_CREATE_VCPU (\d+), KVM_CREATE_VCPU \1$/);
  expect([first?.difference.ours.result, first?.difference.theirs.result]).toEqual([-EEXIST, -EINVAL]);
});

test('a page that is not in the log is found', async () => {
  const result = await compared(
    (method, answer) =>
      method === 'getDirtyLog' && Array.isArray(answer) && answer[0] === 7 ? [3, ...answer.slice(1)] : answer,
    4000,
  );
  expect(result.unexplained[0]?.difference.call.call).toBe('KVM_GET_DIRTY_LOG');
  expect(result.unexplained[0]?.calls.length).toBeLessThan(8);
});

test.each<[string, Change, RegExp]>([
  [
    'an exit that says another port',
    (method, answer) =>
      method === 'exit' && (answer as { reason: string }).reason === 'IO'
        ? { ...(answer as object), port: 0x3f9 }
        : answer,
    /^exit 0: ours IO out, 1 byte at port 0x3f8: 0x34, theirs IO out, 1 byte at port 0x3f9/,
  ],
  [
    'a register at the end',
    (method, answer) => (method === 'registers' ? { ...(answer as object), dx: 1 } : answer),
    /^dx: ours 0x3f8, theirs 0x1/,
  ],
])('%s is found', (_, change, line) => {
  const { ours, theirs } = echoOf(openOurKvm(MACHINE), change);
  expect(compareGuest(ours, theirs, HELLO_WORLD).differs[0]).toMatch(line);
});

test('bytes of the memory are compared: an echo has none', () => {
  const { ours, theirs } = echoOf(openOurKvm(MACHINE), (_, answer) => answer);
  const store = { code: [0xc6, 0x06, 0x34, 0x12, 0x99, 0xf4] };
  expect(compareGuest(ours, theirs, store).differs).toContain('memory+0x1234: ours 0x99, theirs 0x7e');
});
