/** One guest on both sides: exits with their data, registers at the end, memory byte for byte, and what is in the logs. */
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY } from '@faultline/kvm';
import { type KvmClient, MEMORY_PAGES, PAGE, type Registers, type VmClient } from './client.ts';
import { addCodeSlot, CODE, type Guest, hex, runGuest, type Seen } from './guest.ts';
import { LAYOUT } from './guests.ts';
import { onlyReadPagesMore } from './known.ts';

export interface GuestRun {
  /** Lines that say what differs; none if nothing does. */
  readonly differs: readonly string[];
  /** Exits that both saw. */
  readonly exits: readonly string[];
  /** Why nothing was compared. */
  readonly unfollowed: string | null;
  /** A page that was only read is in our log. */
  readonly readLogged: boolean;
}

export function compareGuest(ours: KvmClient, theirs: KvmClient, guest: Guest): GuestRun {
  const mine = ours.createVm();
  const seen = runIn(mine, guest);
  if (seen.unfollowed !== undefined) {
    mine.close();
    return { differs: [], exits: [], unfollowed: seen.unfollowed, readLogged: false };
  }
  const other = theirs.createVm();
  try {
    const theirSeen = runIn(other, guest);
    const logs = compareLogs(mine, other);
    const differs = [...compareSeen(seen, theirSeen), ...compareMemory(mine, other), ...logs.differs];
    return { differs, exits: theirSeen.exits, unfollowed: null, readLogged: logs.readLogged };
  } finally {
    mine.close();
    other.close();
  }
}

function runIn(vm: VmClient, guest: Guest): Seen {
  if (addCodeSlot(vm) !== 0) throw new Error('no slot for the code of a guest');
  for (const [slot, { gpa, pages, page, readOnly }] of LAYOUT.entries()) {
    const result = vm.setUserMemoryRegion({
      slot,
      flags: KVM_MEM_LOG_DIRTY_PAGES | (readOnly ? KVM_MEM_READONLY : 0),
      guestPhysAddr: BigInt(gpa),
      memorySize: BigInt(pages * PAGE),
      userspaceAddr: BigInt(page * PAGE),
      inMemory: true,
    });
    if (result !== 0) throw new Error(`slot ${slot} of a guest: ${result}`);
  }
  if (vm.createVcpu(0) !== 0) throw new Error('no vCPU for a guest');
  for (let at = 0; at < CODE.page * PAGE; at++) vm.memory[at] = (at * 7 + (at >> 8)) & 0xff;
  const [vcpu] = vm.vcpus;
  if (vcpu === undefined) throw new Error('a vCPU that was created is not there');
  return runGuest(vm, vcpu, guest);
}

function compareSeen(ours: Seen, theirs: Seen): string[] {
  const lines: string[] = [];
  const length = Math.max(ours.exits.length, theirs.exits.length);
  for (let i = 0; i < length && lines.length === 0; i++) {
    const [mine = 'nothing more', other = 'nothing more'] = [ours.exits[i], theirs.exits[i]];
    if (mine !== other) lines.push(`exit ${i}: ours ${mine}, theirs ${other}`);
  }
  if (lines.length > 0 || ours.registers === null || theirs.registers === null) return lines;
  for (const [name, value] of Object.entries(ours.registers)) {
    const other = theirs.registers[name as keyof Registers];
    if (other !== value) lines.push(`${name}: ours ${hex(value)}, theirs ${hex(other)}`);
  }
  return lines;
}

function compareMemory(ours: VmClient, theirs: VmClient): string[] {
  const lines: string[] = [];
  for (let at = 0; at < MEMORY_PAGES * PAGE && lines.length < 4; at++) {
    const [mine, other] = [ours.memory[at] as number, theirs.memory[at] as number];
    if (mine !== other) lines.push(`memory+${hex(at)}: ours ${hex(mine)}, theirs ${hex(other)}`);
  }
  return lines;
}

function compareLogs(ours: VmClient, theirs: VmClient): { differs: string[]; readLogged: boolean } {
  const differs: string[] = [];
  let readLogged = false;
  for (const [slot, { page }] of LAYOUT.entries()) {
    const [mine, other] = [ours.getDirtyLog(slot), theirs.getDirtyLog(slot)];
    if (JSON.stringify(mine) === JSON.stringify(other)) continue;
    if (onlyReadPagesMore(mine, other, page, ours.read ?? new Set())) readLogged = true;
    else differs.push(`log of slot ${slot}: ours ${JSON.stringify(mine)}, theirs ${JSON.stringify(other)}`);
  }
  return { differs, readLogged };
}
