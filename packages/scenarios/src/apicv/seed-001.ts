/** What seed 001 says, by the scenario that settles it. */
import type { Claim } from '@faultline/machine';

const holds = (seed: string, says: string): Claim => ({ seed, says, verdict: 'holds' });

export const OF_STALE_VM_STATE: readonly Claim[] = [
  holds('001.2', "judging faults by the VM's state breaks nothing"),
  holds('001.12', "with the VM's state an entry is installed and zapped, or rejected, alike"),
  holds('001.8', 'a bad entry of a fault that was first is used by no guest'),
  holds('001.9', 'it is zapped before any vCPU enters its guest again'),
  holds('001.16', 'a fault that gave up comes back when the request has been served, and is emulated'),
];

export const OF_STALE_VCPU_STATE: readonly Claim[] = [
  holds('001.1', "the vCPU's state changes only by its own hand, so it is that of the access"),
  holds('001.4', 'the fault may be handled before the pending request is served'),
  {
    seed: '001.5',
    says: 'an update between exit and fault handling is benign in every case',
    verdict: 'wrong',
    but: 'a fault that begins after the zap reads the new sequence, finds the vCPU still on, and leaves an entry that the guest writes through with APICv off',
  },
  {
    seed: '001.7',
    says: 'off for the VM, on for the vCPU: the fault comes before the zap or after it, and both end well',
    verdict: 'holds in part',
    but: 'both do if the fault began before the zap; one that begins after it brings the entry back',
  },
  {
    seed: '001.11',
    says: 'the zap first: the fault gives up, because the sequence has changed',
    verdict: 'holds in part',
    but: 'only a fault that had read the sequence by then; nothing else stops it but the state of the VM or a look at the request',
  },
  {
    seed: '001.3',
    says: "judging by the VM's state has no meaningful advantage",
    verdict: 'wrong',
    but: "it is what tells a fault of a zap that is over, which neither the sequence nor the vCPU's state does",
  },
];

export const OF_UNLESS_ASKED: readonly Claim[] = [
  holds(
    '001.13',
    'with the request checked but the sequence left alone the guest writes through a bad entry',
  ),
  holds('001.14', 'the sequence of invalidations is needed whatever else is checked'),
];

export const OF_LATE_VCPU_STATE: readonly Claim[] = [
  holds('001.6', 'on for the VM, off for the vCPU: the access is emulated, and ends in the APIC'),
];

export const OF_INHIBIT: readonly Claim[] = [
  holds('001.10', 'whoever serves the request waits for apicv_update_lock until the entry is zapped'),
];

export const OF_ACCELERATED_AGAIN: readonly Claim[] = [
  holds('001.15', 'an emulated access leaves nothing behind that has to be purged when APICv comes back'),
];
