/**
 * Every history of four steps, one after the other, against a model that keeps a list of who shows what: a write within
 * a second of what the last one shows by now joins its group, any other begins a new one, and all are matched when the
 * group has everybody.
 */
import { expect, test } from 'vitest';
import { leap } from '../host/clock.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { guestTscNow } from './pvclock.ts';
import { allMatched, SECOND, synchronizeTsc } from './tsc.ts';
import { createTscVm } from './tsc-create.ts';
import type { VcpuTsc, VmTsc } from './tsc-state.ts';

const STEPS = [[0, 0], [1, 0], [0, 50], [1, 50], [0, 900], [1, 900], 'time'] as const;
const LENGTH = 4;

/** What the counters show at host time 0, by vCPU; null: never written. */
interface Model {
  shows: [number | null, number | null];
  group: Set<number>;
  /** What the group shows at host time 0, and what the last write said. */
  base: number | null;
  last: { readonly value: number; readonly at: number } | null;
}

test(`${STEPS.length ** LENGTH} histories of writes match vCPUs as a list of groups does`, () => {
  for (let n = 0; n < STEPS.length ** LENGTH; n++) history(n);
});

function history(n: number): void {
  freshArena();
  const vm = runAlone(createTscVm({ knowsUserSet: false, tsc: 100, ns: 100 }));
  const model: Model = { shows: [null, null], group: new Set(), base: null, last: null };
  let now = 100;
  for (let k = 0, rest = n; k < LENGTH; k++, rest = Math.floor(rest / STEPS.length)) {
    const step = STEPS[rest % STEPS.length] as (typeof STEPS)[number];
    if (step === 'time') {
      now += 3;
      runAlone(leap((vm as VmTsc).host as never, 3));
    } else {
      runAlone(synchronizeTsc(vm.vcpus.get(step[0]) as VcpuTsc, step[1]));
      write(model, step[0], step[1], now);
    }
  }
  for (const id of [0, 1] as const) {
    const shows = model.shows[id];
    const seen = guestTscNow(vm.vcpus.get(id) as VcpuTsc);
    if (shows !== null && seen !== shows + now) expect([n, id, seen]).toEqual([n, id, shows + now]);
  }
  const matched = model.group.size === 2;
  if (model.base !== null && runAlone(allMatched(vm)) !== matched)
    expect([n, !matched]).toEqual([n, matched]);
}

function write(model: Model, id: 0 | 1, value: number, now: number): void {
  const expected = model.last === null ? Number.NaN : model.last.value + (now - model.last.at);
  const joins = model.last !== null && (value === 0 || Math.abs(value - expected) < SECOND);
  if (joins) model.group.add(id);
  else {
    model.base = value - now;
    model.group = new Set([id]);
  }
  model.shows[id] = model.base;
  model.last = { value, at: now };
}
