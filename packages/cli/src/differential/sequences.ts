/** Random sequences of calls, with good and bad arguments. Values are few, so that calls meet; they shrink to the plainest. */
import { Cap, KVM_IOEVENTFD_FLAG_PIO, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '@faultline/kvm';
import type fc from 'fast-check';
import type { Access, Call } from './calls.ts';
import { Fd, PAGE } from './client.ts';
import type { Machine } from './our-kvm.ts';

type FastCheck = typeof fc;

const PAGES = (n: number) => BigInt(n * PAGE);

/** At most so many calls a VM. */
export const LONGEST = 30;

export function sequences(fc: FastCheck, machine: Machine): fc.Arbitrary<Call[]> {
  const slot = fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(0, 0, 1, 1, 2, 3) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        machine.userMemSlots - 1,
        machine.userMemSlots,
        0xffff,
        1 << 16,
        2 << 16,
        0x1_0001,
        0xffff_0000,
      ),
    },
  );
  const call = fc.oneof(
    { weight: 9, arbitrary: regions(fc, machine, slot) },
    { weight: 4, arbitrary: fc.record({ call: fc.constant('KVM_GET_DIRTY_LOG' as const), slot }) },
    { weight: 4, arbitrary: clears(fc, slot) },
    { weight: 3, arbitrary: vcpus(fc) },
    { weight: 6, arbitrary: runs(fc) },
    { weight: 3, arbitrary: capabilities(fc) },
    { weight: 1, arbitrary: addresses(fc) },
    { weight: 4, arbitrary: buses(fc) },
    { weight: 1, arbitrary: fc.constant({ call: 'KVM_RESET_DIRTY_RINGS' as const }) },
  );
  const any = fc.array(call as fc.Arbitrary<Call>, { minLength: 1, maxLength: LONGEST, size: 'max' });
  return fc.tuple(beginnings(fc), any).map(([first, rest]) => [...first, ...rest]);
}

/** Most VMs begin with something to make calls on: alone, most would be refused. */
function beginnings(fc: FastCheck): fc.Arbitrary<Call[]> {
  const memory = (slot: number, flags: number, gpa: number, pages: number, page: number): Call => ({
    call: 'KVM_SET_USER_MEMORY_REGION',
    slot,
    flags,
    guestPhysAddr: PAGES(gpa),
    memorySize: PAGES(pages),
    userspaceAddr: PAGES(page),
    inMemory: true,
  });
  const vcpu: Call = { call: 'KVM_CREATE_VCPU', id: 0 };
  const byHand: Call = { call: 'KVM_ENABLE_CAP', cap: Cap.MANUAL_DIRTY_LOG_PROTECT2, flags: 0, arg: 1n };
  const initiallySet: Call = { ...byHand, arg: 3n };
  const ring: Call = { call: 'KVM_ENABLE_CAP', cap: Cap.DIRTY_LOG_RING, flags: 0, arg: 65_536n };
  const port = { addr: 0x3f8n, len: 1, datamatch: 0n, flags: KVM_IOEVENTFD_FLAG_PIO };
  const ioeventfd: Call = { call: 'KVM_IOEVENTFD', fd: 0, ...port };
  const zone: Call = { call: 'KVM_REGISTER_COALESCED_MMIO', addr: 0x3f8, size: 2, pio: 1 };
  const small = memory(0, KVM_MEM_LOG_DIRTY_PAGES, 0, 3, 0);
  const large = memory(1, KVM_MEM_LOG_DIRTY_PAGES, 8, 70, 8);
  return fc.constantFrom<Call[]>(
    [],
    [vcpu],
    [small, vcpu],
    [small, large, vcpu],
    [byHand, small, large, vcpu],
    [initiallySet, small, large, vcpu],
    [ring, small, vcpu],
    [vcpu, ioeventfd],
    [vcpu, zone],
  );
}

function regions(fc: FastCheck, { maxGfn }: Machine, slot: fc.Arbitrary<number>) {
  const end = BigInt(maxGfn) * BigInt(PAGE);
  const ordinary = fc.record({
    call: fc.constant('KVM_SET_USER_MEMORY_REGION' as const),
    slot,
    flags: fc.constantFrom(0, 0, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, 3),
    guestPhysAddr: fc.constantFrom(...[0, 1, 2, 3, 8, 64].map(PAGES)),
    memorySize: fc.constantFrom(...[1, 2, 3, 0, 64, 70].map(PAGES)),
    userspaceAddr: fc.constantFrom(...[0, 0, 1, 8].map(PAGES)),
    inMemory: fc.constant(true),
  });
  // Never both logged and large: the bitmap would be as large. No memory is behind it, so it is where no guest here looks.
  const strange = fc.record({
    call: fc.constant('KVM_SET_USER_MEMORY_REGION' as const),
    slot,
    flags: fc.constantFrom(0, 0, 0, KVM_MEM_READONLY, 4, 8, 1 << 16, 0x8000_0000),
    guestPhysAddr: fc.constantFrom(
      PAGES(512),
      1n,
      0x800n,
      PAGES(513),
      end - PAGES(2),
      end - PAGES(1),
      end,
      (1n << 52n) - PAGES(1),
      1n << 63n,
      (1n << 64n) - PAGES(1),
    ),
    memorySize: fc.constantFrom(
      PAGES(1),
      PAGES(2),
      0n,
      1n,
      0x1800n,
      1n << 43n,
      (1n << 43n) - PAGES(1) + 1n,
      (1n << 64n) - PAGES(1),
    ),
    userspaceAddr: fc.constantFrom(
      1n << 46n,
      1n,
      0xfffn,
      (1n << 47n) - PAGES(3),
      (1n << 47n) - PAGES(2),
      (1n << 47n) - PAGES(1),
      1n << 47n,
      1n << 57n,
      (1n << 64n) - PAGES(1),
    ),
    inMemory: fc.constant(false),
  });
  return fc.oneof({ weight: 5, arbitrary: ordinary }, { weight: 1, arbitrary: strange });
}

function clears(fc: FastCheck, slot: fc.Arbitrary<number>) {
  return fc.record({
    call: fc.constant('KVM_CLEAR_DIRTY_LOG' as const),
    slot,
    firstPage: fc.constantFrom(0, 0, 0, 0, 0, 64, 64, 1, 32, 128, 2 ** 40),
    numPages: fc.constantFrom(3, 64, 70, 6, 3, 64, 1, 2, 0, 32, 65, 128, 0xffff_ffff),
    bitmap: fc.array(fc.constantFrom(0xffff_ffff, 1, 6, 0x8000_0000, 0), { maxLength: 3 }),
  });
}

/** Few ids that are good: a VM of the model has at most eight vCPUs. */
function vcpus(fc: FastCheck) {
  return fc.record({
    call: fc.constant('KVM_CREATE_VCPU' as const),
    id: fc.constantFrom(0, 0, 1, 4095, 4096, 0x7fff_ffff),
  });
}

function runs(fc: FastCheck) {
  const memory = {
    does: fc.constantFrom<Access>('reads', 'writes'),
    at: fc.constantFrom(0, 0x1000, 0x2fff, 0x3000, 0x8000, 0x9008, 0x4_0000, 0x4_5000, 0xf_0000),
  };
  const ports = { does: fc.constant<Access>('outputs to'), at: fc.constantFrom(0x3f8, 0x3f8, 0x3f9, 0x400) };
  return fc.oneof({ weight: 3, arbitrary: oneRun(fc, memory) }, { weight: 2, arbitrary: oneRun(fc, ports) });
}

function oneRun(fc: FastCheck, access: { does: fc.Arbitrary<Access>; at: fc.Arbitrary<number> }) {
  return fc.record({
    call: fc.constant('KVM_RUN' as const),
    vcpu: fc.nat({ max: 2 }),
    ...access,
    immediateExit: fc.constantFrom(false, false, false, false, false, true),
  });
}

/** Ports, and addresses where no guest here looks: the TDP MMU of the model asks no bus. */
function buses(fc: FastCheck) {
  const ioeventfd = fc.record({
    call: fc.constant('KVM_IOEVENTFD' as const),
    datamatch: fc.constantFrom(0x5an, 1n, 0n),
    addr: fc.constantFrom(0x3f8n, 0x3f8n, 0x3f8n, 0x3f9n, 0x400n, 0xfe00_0000n, (1n << 64n) - 2n),
    len: fc.constantFrom(1, 1, 1, 1, 0, 2, 8, 3, 16),
    fd: fc.constantFrom<number>(0, 0, 1, Fd.ANOTHER_FILE, Fd.NONE),
    flags: fc.constantFrom(2, 2, 2, 3, 3, 6, 7, 0, 4, 8, 16, 32, 0x8000_0000),
  });
  const zone = fc.record({
    call: fc.constantFrom('KVM_REGISTER_COALESCED_MMIO' as const, 'KVM_UNREGISTER_COALESCED_MMIO' as const),
    addr: fc.constantFrom(0x3f8, 0x3f8, 0x3f9, 0x400, 0xfe00_0000),
    size: fc.constantFrom(1, 2, 8, 0),
    pio: fc.constantFrom(1, 1, 0, 2),
  });
  const zones = zone.map((one) => (one.pio === 0 ? { ...one, addr: one.addr + 0xf000_0000 } : one));
  const looks = fc.oneof(
    fc.record({ call: fc.constant('read of an eventfd' as const), fd: fc.nat({ max: 1 }) }),
    fc.constant({ call: 'coalesced ring' as const }),
  );
  return fc.oneof(
    { weight: 3, arbitrary: ioeventfd },
    { weight: 2, arbitrary: zones },
    { weight: 2, arbitrary: looks },
  );
}

function capabilities(fc: FastCheck) {
  const protect = fc.record({
    cap: fc.constant(Cap.MANUAL_DIRTY_LOG_PROTECT2),
    flags: fc.constantFrom(0, 0, 0, 0, 1),
    arg: fc.constantFrom(1n, 3n, 0n, 2n, 4n, 5n, 1n << 32n, 0xffff_ffff_ffff_ffffn),
  });
  const ring = fc.record({
    cap: fc.constantFrom(Cap.DIRTY_LOG_RING, Cap.DIRTY_LOG_RING_ACQ_REL, Cap.DIRTY_LOG_RING_WITH_BITMAP),
    flags: fc.constantFrom(0, 0, 0, 1),
    arg: fc.constantFrom(
      4096n,
      65_536n,
      1n << 20n,
      0n,
      1n,
      2048n,
      5000n,
      1n << 21n,
      1n << 32n,
      (1n << 32n) + 4096n,
    ),
  });
  const ids = fc.record({
    cap: fc.constant(Cap.MAX_VCPU_ID),
    flags: fc.constantFrom(0, 0, 0, 1),
    arg: fc.constantFrom(4096n, 2n, 1n, 0n, 4097n, 1n << 32n),
  });
  const none = fc.record({
    cap: fc.constantFrom<number>(Cap.USER_MEMORY, Cap.MAX_VCPUS, 0x7fff_ffff),
    flags: fc.constantFrom(0, 1),
    arg: fc.constant(0n),
  });
  const enable = fc
    .oneof(
      { weight: 3, arbitrary: protect },
      { weight: 2, arbitrary: ring },
      { weight: 1, arbitrary: ids },
      { weight: 1, arbitrary: none },
    )
    .map((cap) => ({ call: 'KVM_ENABLE_CAP' as const, ...cap }));
  const check = fc.record({
    call: fc.constant('KVM_CHECK_EXTENSION' as const),
    cap: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom<number>(...Object.values(Cap)) },
      { weight: 1, arbitrary: fc.constantFrom(260, 1000, 0x7fff_ffff) },
      { weight: 1, arbitrary: fc.nat({ max: 250 }) },
    ),
  });
  return fc.oneof({ weight: 2, arbitrary: enable }, { weight: 1, arbitrary: check });
}

function addresses(fc: FastCheck) {
  return fc.record({
    call: fc.constantFrom('KVM_SET_TSS_ADDR' as const, 'KVM_SET_IDENTITY_MAP_ADDR' as const),
    addr: fc.constantFrom(
      0xfffb_d000n,
      0n,
      0xffff_d000n,
      0xffff_d001n,
      0xffff_e000n,
      0x1_0000_0000n,
      0xffff_ffff_ffff_ffffn,
    ),
  });
}
