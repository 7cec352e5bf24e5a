/** What kernel code says besides reading and writing: warnings, tracepoints, migration. */
import { choose } from './cell.ts';
import { current } from './current.ts';
import * as platform from './platform.ts';
import type { Task } from './task.ts';

/** WARN_ON(): reports and goes on; returns the condition. A scenario's `always` may ask that none fires. */
export function warnOn(condition: boolean, text: string): boolean {
  if (condition) platform.warned(text);
  return condition;
}

/** BUG_ON(): a state from which the kernel would not go on. */
export class KernelBug extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'KernelBug';
  }
}

export function bugOn(condition: boolean, text: string): void {
  if (condition) throw new KernelBug(text);
}

/** A tracepoint, spelled as the kernel's: `trace('handle_mmio_page_fault', 'gfn 10 gen 2')`. Shows as a row of diagrams. */
export function trace(name: string, text: string): void {
  platform.traced(name, text);
}

/** The scheduler moves the current task to one of `cpus` CPUs: a choice of the environment. */
export function* migrate(cpus: number): Task<number> {
  const cpu = yield* choose('cpu', cpus);
  platform.migrated(cpu);
  return cpu;
}

/** The CPU that the current task runs on. @kernel smp_processor_id include/linux/smp.h */
export function smpProcessorId(): number {
  return current.cpu;
}
