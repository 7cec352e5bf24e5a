/**
 * Every history of six steps, one after the other, against a model that knows nothing of locks or rounds: a CPU is
 * enabled exactly while it is up and there is a VM; a CPU that cannot be keeps the first VM from being made, and is not
 * let up while there is one.
 */
import { beforeEach, expect, test } from 'vitest';
import { EBUSY } from '../errno.ts';
import { freshArena, runAlone } from '../run-alone.ts';
import { hardwareDisableAll, hardwareEnableAll } from './hardware-enable.ts';
import { allocHardware, type HardwareOptions, type KvmHardware } from './hardware-enable-state.ts';
import { cpuDown, cpuUp } from './hardware-hotplug.ts';
import { hostCpu } from './hardware-user.ts';

const FORMS = ['kvm_count_lock', 'kvm_lock', 'kvm_usage_lock'] as const;
const STEPS = ['create', 'destroy', 'up', 'down'] as const;
const LENGTH = 6;

interface Model {
  vms: number;
  up: boolean;
}

beforeEach(() => freshArena());

for (const form of FORMS) {
  test(`${form}: ${STEPS.length ** LENGTH} histories enable each CPU while it is up and there is a VM`, () => {
    expect(histories(form, {})).toBe(STEPS.length ** LENGTH);
  });
}

for (const form of ['kvm_lock', 'kvm_usage_lock'] as const) {
  test(`${form}: the same with a CPU that cannot be enabled`, () => {
    expect(histories(form, { lockedCpu: 1 })).toBe(STEPS.length ** LENGTH);
  });
}

function histories(form: (typeof FORMS)[number], more: HardwareOptions): number {
  const count = STEPS.length ** LENGTH;
  for (let n = 0; n < count; n++) {
    freshArena(8192);
    const hw = allocHardware({ form, online: 0b01, ...more });
    const model: Model = { vms: 0, up: false };
    const said: string[] = [];
    for (let k = 0, rest = n; k < LENGTH; k++, rest = Math.floor(rest / STEPS.length)) {
      const step = STEPS[rest % STEPS.length] as (typeof STEPS)[number];
      said.push(step);
      take(hw, model, step, more.lockedCpu === 1);
      const enabled = [0, 1].map((id) => hw.cpu.at(id).vmxOn === 1);
      const wanted = [model.vms > 0, model.vms > 0 && model.up];
      if (String(enabled) !== String(wanted)) expect([said, enabled]).toEqual([said, wanted]);
    }
  }
  return count;
}

/** A step that makes no sense now is left out. */
function take(hw: KvmHardware, model: Model, step: (typeof STEPS)[number], locked: boolean): void {
  const own = hostCpu(hw, 0);
  const other = hostCpu(hw, 1);
  if (step === 'create') {
    const fails = locked && model.up && model.vms === 0;
    const result = runAlone(hardwareEnableAll(hw, own));
    if (result !== (fails ? -EBUSY : 0)) expect(result).toBe(fails ? -EBUSY : 0);
    if (!fails) model.vms++;
  } else if (step === 'destroy' && model.vms > 0) {
    runAlone(hardwareDisableAll(hw, own));
    model.vms--;
  } else if (step === 'up' && !model.up) {
    const result = runAlone(cpuUp(hw, other));
    model.up = !(locked && model.vms > 0);
    if ((result === 0) !== model.up) expect(result).toBe(model.up ? 0 : 'an errno');
  } else if (step === 'down' && model.up) {
    runAlone(cpuDown(hw, other));
    model.up = false;
  }
}
