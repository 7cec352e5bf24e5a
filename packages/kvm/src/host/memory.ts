/**
 * Host memory behind user-space addresses. Until the host's memory manager is modelled (host page table, reclaim,
 * migration), a host-virtual page is always backed by the frame of the same number.
 */
import {
  array,
  type Cell,
  cell64,
  type Elements,
  type StructType,
  struct,
  u32Field,
  type View,
} from '@faultline/machine';
import { type Hva, PAGE_SIZE, type Pfn } from '../types.ts';

/** The frames of the VMM process; a frame's content is one u64. */
export interface HostMemory extends View {
  frames: number;
  readonly content: Elements<Cell<bigint>>;
}

export const HostMemory: StructType<HostMemory> = struct(
  'host_memory',
  { frames: u32Field, content: array(cell64) },
  { as: 'frame' },
);

export function allocHostMemory(frames: number): HostMemory {
  const memory = HostMemory.alloc(frames * 8);
  memory.frames = frames;
  return memory;
}

/** The frame behind a host address, or null if nothing is mapped there. */
export function hvaToPfn(memory: HostMemory, hva: Hva): Pfn | null {
  const frame = Math.floor(hva / PAGE_SIZE);
  return frame < memory.frames ? (frame as Pfn) : null;
}
