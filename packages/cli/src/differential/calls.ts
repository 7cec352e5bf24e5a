/** The calls that are compared, as data: made through either client, and written as a reader of the kernel expects. */
import { Cap, type CoalescedZoneArgs, errnoName, type IoeventfdArgs } from '@faultline/kvm';
import type { Coalesced, Region, VmClient } from './client.ts';
import { hex, runGuest } from './guest.ts';

export type Call =
  | ({ readonly call: 'KVM_SET_USER_MEMORY_REGION' } & Region)
  | { readonly call: 'KVM_GET_DIRTY_LOG'; readonly slot: number }
  | {
      readonly call: 'KVM_CLEAR_DIRTY_LOG';
      readonly slot: number;
      readonly firstPage: number;
      readonly numPages: number;
      readonly bitmap: readonly number[];
    }
  | { readonly call: 'KVM_CREATE_VCPU'; readonly id: number }
  | { readonly call: 'KVM_CHECK_EXTENSION'; readonly cap: number }
  | { readonly call: 'KVM_ENABLE_CAP'; readonly cap: number; readonly flags: number; readonly arg: bigint }
  | { readonly call: 'KVM_RESET_DIRTY_RINGS' }
  | { readonly call: 'KVM_SET_TSS_ADDR'; readonly addr: bigint }
  | { readonly call: 'KVM_SET_IDENTITY_MAP_ADDR'; readonly addr: bigint }
  | ({ readonly call: 'KVM_IOEVENTFD' } & IoeventfdArgs)
  | ({
      readonly call: 'KVM_REGISTER_COALESCED_MMIO' | 'KVM_UNREGISTER_COALESCED_MMIO';
    } & CoalescedZoneArgs)
  /** User space looks at what it shares with the kernel; no ioctl. */
  | { readonly call: 'read of an eventfd'; readonly fd: number }
  | { readonly call: 'coalesced ring' }
  /** A guest of one access, then HLT, on one of the vCPUs that there are. */
  | {
      readonly call: 'KVM_RUN';
      readonly vcpu: number;
      readonly does: Access;
      /** Guest-physical address, or port. */
      readonly at: number;
      readonly immediateExit: boolean;
    };

export type Access = 'reads' | 'writes' | 'outputs to';
export type CallName = Call['call'];

/** What a call returned, and what it handed out. */
export interface Answer {
  /** 0 or more, or a negative errno. For a guest, that of its last KVM_RUN. */
  readonly result: number;
  /** Words of a bitmap; exits of a guest. */
  readonly data?: readonly (number | string)[];
}

/** Null: there is nothing to make the call on. */
export function perform(vm: VmClient, call: Call): Answer | null {
  switch (call.call) {
    case 'KVM_SET_USER_MEMORY_REGION':
      return { result: vm.setUserMemoryRegion(call) };
    case 'KVM_GET_DIRTY_LOG': {
      const log = vm.getDirtyLog(call.slot);
      return typeof log === 'number' ? { result: log } : { result: 0, data: log };
    }
    case 'KVM_CLEAR_DIRTY_LOG':
      return { result: vm.clearDirtyLog(call) };
    case 'KVM_CREATE_VCPU':
      return { result: vm.createVcpu(call.id) };
    case 'KVM_CHECK_EXTENSION':
      return { result: vm.checkExtension(call.cap) };
    case 'KVM_ENABLE_CAP':
      return { result: vm.enableCap(call) };
    case 'KVM_RESET_DIRTY_RINGS':
      return { result: vm.resetDirtyRings() };
    case 'KVM_SET_TSS_ADDR':
      return { result: vm.setTssAddr(call.addr) };
    case 'KVM_SET_IDENTITY_MAP_ADDR':
      return { result: vm.setIdentityMapAddr(call.addr) };
    case 'KVM_IOEVENTFD':
      return { result: vm.ioeventfd(call) };
    case 'KVM_REGISTER_COALESCED_MMIO':
      return { result: vm.registerCoalesced(call) };
    case 'KVM_UNREGISTER_COALESCED_MMIO':
      return { result: vm.unregisterCoalesced(call) };
    case 'read of an eventfd':
      return { result: vm.readEventfd(call.fd) };
    case 'coalesced ring':
      return vm.vcpus.length === 0 ? null : { result: 0, data: vm.takeCoalesced().map(coalescedText) };
    default:
      return runOne(vm, call);
  }
}

function runOne(vm: VmClient, call: Call & { call: 'KVM_RUN' }): Answer | null {
  const vcpu = vm.vcpus[call.vcpu % Math.max(1, vm.vcpus.length)];
  if (vcpu === undefined) return null;
  vcpu.setImmediateExit(call.immediateExit);
  const seen = runGuest(vm, vcpu, oneAccess(call.at, call.does));
  return { result: seen.result, data: seen.exits };
}

/** mov byte [at], 0x5a; hlt, or mov al, [at]; hlt, or out dx, al; hlt. */
function oneAccess(at: number, does: Access) {
  if (does === 'outputs to') return { code: [0xee, 0xf4], registers: { ax: 0x5a, dx: at } };
  const code = does === 'writes' ? [0xc6, 0x06, at & 15, 0, 0x5a, 0xf4] : [0xa0, at & 15, 0, 0xf4];
  return { code, registers: { ds: at >> 4 } };
}

function coalescedText({ addr, len, pio, data }: Coalesced): string {
  return `${pio === 1 ? 'port' : 'address'} ${hex(addr)}, ${len} bytes: ${hex(data)}`;
}

const CAPS = new Map<number, string>(
  Object.entries(Cap).map(([name, number]) => [number, `KVM_CAP_${name}`]),
);

/** 'KVM_GET_DIRTY_LOG { slot 3 }' */
export function callText(call: Call): string {
  switch (call.call) {
    case 'KVM_SET_USER_MEMORY_REGION': {
      const { slot, flags, guestPhysAddr, memorySize, userspaceAddr, inMemory } = call;
      const at = `${inMemory ? 'memory+' : ''}${hex(userspaceAddr)}`;
      return `${call.call} { slot ${slotText(slot)}, flags ${flagsText(flags)}, gpa ${hex(guestPhysAddr)}, size ${hex(memorySize)}, hva ${at} }`;
    }
    case 'KVM_GET_DIRTY_LOG':
      return `${call.call} { slot ${slotText(call.slot)} }`;
    case 'KVM_CLEAR_DIRTY_LOG': {
      const bits = call.bitmap.map(hex).join(' ');
      return `${call.call} { slot ${slotText(call.slot)}, first_page ${call.firstPage}, num_pages ${call.numPages}, bitmap ${bits} }`;
    }
    case 'KVM_CREATE_VCPU':
      return `${call.call} ${call.id}`;
    case 'KVM_CHECK_EXTENSION':
      return `${call.call} ${capText(call.cap)}`;
    case 'KVM_ENABLE_CAP':
      return `${call.call} { ${capText(call.cap)}, flags ${call.flags}, args[0] ${hex(call.arg)} }`;
    case 'KVM_RESET_DIRTY_RINGS':
      return call.call;
    case 'KVM_RUN': {
      const immediate = call.immediateExit ? ', immediate_exit' : '';
      return `${call.call} of vCPU ${call.vcpu}: ${call.does} ${hex(call.at)}, then HLT${immediate}`;
    }
    case 'KVM_IOEVENTFD': {
      const fd = ['eventfd 0', 'eventfd 1', 'a VM', 'nothing'][call.fd];
      return `${call.call} { datamatch ${hex(call.datamatch)}, addr ${hex(call.addr)}, len ${call.len}, fd of ${fd}, flags ${call.flags} }`;
    }
    case 'KVM_REGISTER_COALESCED_MMIO':
    case 'KVM_UNREGISTER_COALESCED_MMIO':
      return `${call.call} { addr ${hex(call.addr)}, size ${hex(call.size)}, pio ${call.pio} }`;
    case 'read of an eventfd':
      return `${call.call} ${call.fd}`;
    case 'coalesced ring':
      return 'user space empties the coalesced ring';
    default:
      return `${call.call} ${hex(call.addr)}`;
  }
}

const capText = (cap: number): string => CAPS.get(cap) ?? `KVM_CAP ${cap}`;
const slotText = (slot: number): string =>
  slot > 0xffff ? `${slot & 0xffff} of address space ${slot >>> 16}` : `${slot}`;

function flagsText(flags: number): string {
  const names = ['LOG_DIRTY_PAGES', 'READONLY'].filter((_, bit) => (flags & (1 << bit)) !== 0);
  const rest = flags & ~3;
  if (rest !== 0) names.push(hex(rest >>> 0));
  return names.length === 0 ? '0' : names.join('|');
}

/** '0', '-EINVAL', '0: 0x5 0x1' */
export function answerText({ result, data }: Answer): string {
  if (data === undefined) return errnoName(result);
  const items = data.map((one) => (typeof one === 'number' ? hex(one) : one));
  return typeof data[0] === 'string'
    ? items.join('; ')
    : `${errnoName(result)}: ${items.join(' ') || 'none'}`;
}
