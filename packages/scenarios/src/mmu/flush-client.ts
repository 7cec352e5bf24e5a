/**
 * The programs by which the levels of remote flushes and of vCPU entry are compared: whatever the real ones can show, the
 * abstract ones can. A page is moved from one frame to another under running guests; what is seen is which frame an
 * access reaches, and what the vCPUs and the flusher can tell each other about that.
 */
import type { Gfn, VmOptions } from '@faultline/kvm';
import { flushRemoteTlbs, guestRead, lastSpte } from '@faultline/kvm/seams';
import {
  array,
  type Cell,
  cell32,
  type Elements,
  type StructType,
  struct,
  type Task,
  type View,
} from '@faultline/machine';
import { type EntryVm, entryVm } from '../vm/entry-vm.ts';
import { GPA0, GPA1 } from '../vm/mmu-vm.ts';

export interface Marks extends View {
  /** What each vCPU has read last. */
  readonly seen: Elements<Cell<number>>;
  /** How many flushes have returned. */
  readonly done: Cell<number>;
}

const Marks: StructType<Marks> = struct(
  'flush_marks',
  { seen: array(cell32, 2), done: cell32 },
  { as: 'vmm' },
);

export interface Client extends EntryVm {
  readonly marks: Marks;
  /** The entries of the two pages. */
  readonly leaves: readonly Cell<bigint>[];
}

export type Levels = Pick<NonNullable<VmOptions['mmu']>, 'remoteFlush' | 'vcpuEntry'>;

/** Frame f holds the number f. Each vCPU has both pages, in frames 0 and 1, in its TLB. */
export function* flushClient(levels: Levels, vcpus: number): Task<Client> {
  const vm = yield* entryVm({ vcpus, mmu: { pages: 2, frames: 4, ...levels } });
  for (let frame = 0; frame < 4; frame++) vm.mm.page.at(frame).content.poke(BigInt(frame));
  for (const vcpu of vm.vcpus) {
    yield* guestRead(vcpu, GPA0);
    yield* guestRead(vcpu, GPA1);
  }
  const leaves: Cell<bigint>[] = [];
  for (let page = 0; page < 2; page++) {
    const found = yield* lastSpte(vm.vcpu, page as Gfn);
    if (found === null) throw new Error('a page that was read is not mapped');
    leaves.push(found.sptep);
  }
  return { ...vm, marks: Marks.alloc(), leaves };
}

/** Looks what the other vCPU and the flusher say, reads the page, and says what it read. */
export function* lookAround(client: Client, id: number): Task<number[]> {
  const other = yield* client.marks.seen.at(1 - id).readOnce();
  const done = yield* client.marks.done.readOnce();
  const read = Number((yield* guestRead(client.vcpus[id] as EntryVm['vcpu'], GPA0)).value);
  yield* (client.marks.seen.at(id) as Cell<number>).writeOnce(read);
  return [other, done, read];
}

/** The entry of a page names another frame from now on. TLBs do not know yet. */
export function* movePage({ leaves }: Client, page: number, frame: number): Task {
  const leaf = leaves[page] as Cell<bigint>;
  yield* leaf.writeOnce((leaf.peek() & ~PFN) | (BigInt(frame) << 12n));
}

const PFN = 0xff_ffff_ffffn << 12n;

/** The flush, and word that it has returned. */
export function* flush({ kvm, marks }: Client): Task {
  yield* flushRemoteTlbs(kvm);
  yield* marks.done.fetchAdd(1);
}
