/** Changes to Hyper-V's reference TSC page: each breaks a scenario of area hyperv, or is shown to break nothing. */
import type { Mutant } from '../mutant.ts';

const TOGETHER = 'what the guest reads belongs together';
const LATEST = 'the page shows the clock as it is in the end';
const MIXED = 'hyperv/versions-mixed';
const TWO = 'hyperv/two-writers';
const LAST = 'hyperv/page-told-last';
const EMULATED = 'hyperv/emulated-page-changes';

export const hypervMutants: readonly Mutant[] = [
  {
    name: 'hyperv/body-written-under-a-valid-number',
    says: 'The page is written while its sequence number says that it is whole.',
    off: ['hyperv.invalidate_page_first'],
    against: [MIXED],
    expect: { caught: MIXED, always: TOGETHER },
  },
  {
    name: 'hyperv/number-stays',
    says: 'The page gets the number that it had: a guest that began with the old body ends with the new one.',
    variant: 'hyperv-number-stays',
    against: [MIXED],
    expect: { caught: MIXED, always: TOGETHER },
  },
  {
    name: 'hyperv/number-before-body',
    says: 'The new number is written before the body.',
    variant: 'hyperv-number-before-body',
    against: [MIXED],
    expect: { caught: MIXED, always: TOGETHER },
  },
  {
    name: 'hyperv/new-clock-not-noted',
    says: 'The master clock changes, and the page is not due.',
    off: ['hyperv.ask_for_new_page'],
    against: [MIXED],
    expect: { caught: MIXED, always: LATEST },
  },
  {
    name: 'hyperv/new-clock-not-noted-last',
    says: 'The same with the page told after the clock has changed.',
    off: ['hyperv.ask_for_new_page'],
    against: [LAST],
    expect: { caught: LAST, always: LATEST },
  },
  {
    name: 'hyperv/setup-without-lock',
    says: 'Two vCPUs write the page at once.',
    off: ['hyperv.lock_page_for_setup', 'hyperv.unlock_page_after_setup'],
    against: [TWO],
    expect: { caught: TWO, always: TOGETHER },
  },
  {
    name: 'hyperv/request-without-lock',
    says: 'The page is said to be due while it is being written: it counts as written afterwards.',
    off: ['hyperv.lock_page_for_request', 'hyperv.unlock_page_after_request'],
    against: [LAST],
    expect: { caught: LAST, always: LATEST },
  },
  {
    name: 'hyperv/hv-lock-outside-vcpu-mutex',
    says: 'An ioctl of the VM takes a vCPU mutex inside hv_lock.',
    variant: 'hyperv-hv-lock-outside-vcpu-mutex',
    against: ['hyperv/hv-lock-outside-vcpu-mutex'],
    expect: { caught: 'hyperv/hv-lock-outside-vcpu-mutex', always: 'both come back' },
  },
  {
    name: 'hyperv/half-a-page-published',
    says: 'A write to guest memory fails halfway, and the page gets a number all the same.',
    variant: 'hyperv-half-a-page-published',
    against: ['hyperv/broken-page-comes-back'],
    expect: { caught: 'hyperv/broken-page-comes-back', always: TOGETHER },
  },
  {
    name: 'hyperv/emulated-page-is-due',
    says: 'The page is due although the guest goes on with what it was given; the second test keeps it.',
    variant: 'hyperv-emulated-page-is-due',
    against: [EMULATED],
    expect: {
      covered: EMULATED,
      with: ['hyperv.keep_for_emulation'],
      always: 'the guest reads what it was given',
    },
  },
  {
    name: 'hyperv/emulated-page-not-kept',
    says: 'Whoever writes the page does not look whether it has to stay.',
    off: ['hyperv.keep_for_emulation'],
    against: [EMULATED, MIXED],
    expect: { equivalent: 'such a page is never due, unless the guest itself has changed it' },
  },
  {
    name: 'hyperv/zero-after-body',
    says: 'The processor may show the body before the number 0.',
    off: ['hyperv.order_zero_before_body'],
    model: 'tso',
    against: [MIXED],
    expect: { equivalent: 'on x86 stores are seen in order' },
  },
  {
    name: 'hyperv/body-after-number',
    says: 'The processor may show the new number before the body.',
    off: ['hyperv.order_body_before_sequence'],
    model: 'tso',
    against: [MIXED],
    expect: { equivalent: 'on x86 stores are seen in order' },
  },
];
