import { deliverPostedInterrupt } from '@faultline/kvm/seams';
import { never, scenario } from '@faultline/machine';
import { bitsOf, interruptsOf, type PostedVm, postedVm, spinsUntil } from '../vm/posted-vm.ts';

const BOTH = bitsOf([3, 4]);

/** Two CPUs post at once, in the same word of the descriptor; one of them notifies for both. */
export const oneOfTwoDeliveriesLost = scenario('pi/one-of-two-deliveries-lost', {
  title: 'a guest runs for ever without an interrupt that was posted beside another one',
  source: 'vmx_deliver_posted_interrupt, pi_test_and_set_pir, pi_test_and_set_on',
  size: '1 vCPU whose guest spins, 1 CPU, 2 senders with 1 delivery each',
  defends: ['pi.post_vector'],
  *setup() {
    return yield* postedVm();
  },
  threads: {
    *vcpu0(posted: PostedVm) {
      return yield* spinsUntil(posted, BOTH);
    },
    *sender0({ pi }: PostedVm) {
      yield* deliverPostedInterrupt(pi, 3);
    },
    *sender1({ pi }: PostedVm) {
      yield* deliverPostedInterrupt(pi, 4);
    },
    *cpu0(posted: PostedVm) {
      yield* interruptsOf(posted, 0);
    },
  },
  always: { 'no guest runs on without an interrupt that was posted': never('livelock') },
  sometimes: {
    'the guest takes one while it runs': (_, { cpus }) => (cpus.cpu.get(0)?.taken.peek() ?? 0) > 0,
    'it enters with both': (_, { cpus }) => cpus.cpu.get(0)?.taken.peek() === 0,
  },
});
