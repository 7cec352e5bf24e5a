import type { Vcpu } from '@faultline/kvm';
import {
  createHypervVm,
  guestReadsTscPage,
  type HypervOptions,
  type KvmHv,
  masterclockChanges,
  requestTscPageUpdate,
  runWithClockUpdate,
  tscPageNow,
} from '@faultline/kvm/seams';
import { never, scenario, type Task } from '@faultline/machine';

type Read = readonly [scale: number, offset: number] | null | undefined;

/** Scale and offset are of one version, or the guest asks by MSR. */
function together(read: Read): boolean {
  return read === null || (read !== undefined && read[1] === 10 * read[0]);
}

function vcpu(hv: KvmHv, id: number): Vcpu {
  return hv.vcpus.get(id) as Vcpu;
}

/** A vCPU's thread changes the master clock and writes the page anew. */
function* changesClock(hv: KvmHv, id: number, pageFirst: boolean): Task {
  yield* masterclockChanges(hv, pageFirst);
  yield* runWithClockUpdate(hv, vcpu(hv, id));
}

/** The page is written anew while the guest of another vCPU reads it. */
export const versionsMixed = scenario('hyperv/versions-mixed', {
  title: 'a guest combines the scale of one version of the page with the offset of another',
  source: 'kvm_hv_setup_tsc_page',
  size: '1 change of the master clock, 1 read of the page',
  defends: ['hyperv.invalidate_page_first', 'hyperv.ask_for_new_page'],
  *setup() {
    return yield* createHypervVm();
  },
  threads: {
    *vcpu0(hv: KvmHv) {
      yield* changesClock(hv, 0, true);
    },
    *guest(hv: KvmHv) {
      return yield* guestReadsTscPage(hv);
    },
  },
  always: {
    'what the guest reads belongs together': ({ results }) => together(results.guest),
    'the page shows the clock as it is in the end': (_, hv) =>
      tscPageNow(hv).version === hv.masterclock.peek(),
  },
  sometimes: {
    'it reads the old version': ({ results }) => results.guest?.[0] === 1,
    'it reads the new version': ({ results }) => results.guest?.[0] === 2,
    'it asks by MSR': ({ results }) => results.guest === null,
  },
});

function twoWriters(name: string, pageFirst: boolean, more: { title: string; expect?: 'violated' }) {
  const LATEST = 'the page shows the clock as it is in the end';
  return scenario(name, {
    source: pageFirst ? 'kvm_update_masterclock of 6.1' : 'kvm_update_masterclock, the page told last',
    size: '2 changes of the master clock, by a vCPU each',
    ...more,
    defends: pageFirst
      ? []
      : ['hyperv.ask_for_new_page', 'hyperv.lock_page_for_request', 'hyperv.unlock_page_after_request'],
    *setup() {
      return yield* createHypervVm();
    },
    threads: {
      *vcpu0(hv: KvmHv) {
        yield* changesClock(hv, 0, pageFirst);
      },
      *vcpu1(hv: KvmHv) {
        yield* changesClock(hv, 1, pageFirst);
      },
    },
    always: { [LATEST]: (_, hv) => tscPageNow(hv).version === hv.masterclock.peek() },
    sometimes: { 'one write of the page serves both': (_, hv) => tscPageNow(hv).sequence === 2 },
  });
}

/** Between the word that the page is due and the new snapshot, another vCPU writes the page from the old one, and it counts as written. */
export const pageLeftBehind = twoWriters('hyperv/page-left-behind', true, {
  title: 'the page is told of a new clock first, and written from the old one in between',
  expect: 'violated',
});

export const pageToldLast = twoWriters('hyperv/page-told-last', false, {
  title: 'the same with the page told after the clock has changed',
});

/** Two vCPUs write the page, and the guest of a third reads it. */
export const twoWritersMixed = scenario('hyperv/two-writers', {
  title: 'two vCPUs write the page at once, and a guest takes the result for whole',
  source: 'hv_lock',
  size: '2 changes of the master clock, by a vCPU each, 1 read of the page',
  defends: [
    'hyperv.lock_page_for_setup',
    'hyperv.unlock_page_after_setup',
    'hyperv.lock_page_for_request',
    'hyperv.unlock_page_after_request',
  ],
  *setup() {
    return yield* createHypervVm();
  },
  threads: {
    *vcpu0(hv: KvmHv) {
      yield* changesClock(hv, 0, false);
    },
    *vcpu1(hv: KvmHv) {
      yield* changesClock(hv, 1, false);
    },
    *guest(hv: KvmHv) {
      return yield* guestReadsTscPage(hv);
    },
  },
  always: {
    'what the guest reads belongs together': ({ results }) => together(results.guest),
  },
  sometimes: { 'it reads the last version': ({ results }) => results.guest?.[0] === 3 },
});

/** A vCPU writes the page inside its own mutex, while an ioctl of the VM says that it is due. */
export const lockOrder = scenario('hyperv/hv-lock-outside-vcpu-mutex', {
  title: 'one waits for hv_lock inside vcpu->mutex, another for vcpu->mutex inside hv_lock',
  source: 'seed 000, section 1: vcpu->mutex is taken outside hv_lock',
  size: '1 vCPU, 1 ioctl of the VM',
  claims: [{ seed: '000.14', says: 'vcpu->mutex is taken outside hv_lock', verdict: 'holds' }],
  *setup() {
    return yield* createHypervVm();
  },
  threads: {
    *vcpu0(hv: KvmHv) {
      yield* runWithClockUpdate(hv, vcpu(hv, 0));
      return true;
    },
    *ioctl(hv: KvmHv) {
      yield* requestTscPageUpdate(hv);
      return true;
    },
  },
  always: { 'both come back': never('deadlock') },
  sometimes: { 'both do': ({ results }) => results.vcpu0 === true && results.ioctl === true },
});

/** What the guest's emulated counter is computed from must not change under it, nor a page whose writing failed come back. */
function stays(name: string, options: HypervOptions, defends: readonly string[]) {
  return scenario(name, {
    title:
      options.tscEmulation === true ? 'a page that is emulated changes' : 'half a page is taken for whole',
    source: 'kvm_hv_setup_tsc_page, tsc_page_update_unsafe',
    size: '2 changes of the master clock by 1 vCPU, 1 read of the page',
    defends,
    *setup() {
      return yield* createHypervVm(options);
    },
    threads: {
      *vcpu0(hv: KvmHv) {
        yield* changesClock(hv, 0, true);
        yield* changesClock(hv, 0, true);
      },
      *guest(hv: KvmHv) {
        return yield* guestReadsTscPage(hv);
      },
    },
    always:
      options.tscEmulation === true
        ? { 'the guest reads what it was given': ({ results }) => results.guest?.[0] === 1 }
        : { 'what the guest reads belongs together': ({ results }) => together(results.guest) },
    sometimes:
      options.tscEmulation === true
        ? { 'the clock changes': (_, hv) => hv.masterclock.peek() === 3 }
        : { 'it asks by MSR for ever': (_, hv) => tscPageNow(hv).sequence === 0 },
  });
}

export const emulatedPageStays = stays('hyperv/emulated-page-changes', { tscEmulation: true }, []);
export const brokenPageStays = stays('hyperv/broken-page-comes-back', { writesMayFail: true }, []);
