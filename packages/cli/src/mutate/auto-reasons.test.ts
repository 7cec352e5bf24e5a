/** Goal: a reason says what kind of site it is for, and none hides a survivor that it does not know. */
import { expect, test } from 'vitest';
import { reasonFor } from './auto-reasons.ts';

test('an order that x86 keeps by itself is for a weaker memory model', () => {
  for (const what of [
    'smpWmb',
    'smpRmb (2)',
    'vcpu.mode.storeRelease',
    'root.link.rcuDereference',
    'link.assign',
  ])
    expect(reasonFor(`x86/a.ts#f:${what}`).verdict).toBe('elsewhere');
  expect(reasonFor('x86/a.ts#f:smpMbAfterAtomic').says).toMatch(/full barrier already/);
});

test('a full barrier, an atomic and a lock that survive are findings', () => {
  for (const what of ['smpMb', 'apic.pir.xchg', 'kvm.mmuLock held (write)', 'x.cmpxchg (2)'])
    expect(reasonFor(`x86/a.ts#f:${what}`)).toEqual({ verdict: 'survives', says: '' });
});
