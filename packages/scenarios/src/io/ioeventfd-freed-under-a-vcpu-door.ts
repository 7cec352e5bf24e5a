import {
  assemble,
  type CoalescedRing,
  createVcpu,
  createVm,
  type Eventfd,
  ioctlIoeventfd,
  ioctlRegisterCoalescedMmio,
  ioctlUnregisterCoalescedMmio,
  KVM_IOEVENTFD_FLAG_DEASSIGN,
  type Kvm,
  KvmExit,
  mmioExit,
  openEventfd,
  type Vcpu,
  vcpuRun,
} from '@faultline/kvm';
import { never, scenario } from '@faultline/machine';

const DOORBELL = 0x1000;
const ZONE = 0x1800;

interface DoorVm {
  readonly kvm: Kvm;
  readonly vcpu: Vcpu;
  readonly eventfd: Eventfd;
}

const doorbell = ({ eventfd }: DoorVm, flags = 0) => ({
  datamatch: 0n,
  addr: BigInt(DOORBELL),
  len: 4,
  fd: eventfd.addr,
  flags,
});
const zone = { addr: ZONE, size: 8, pio: 0 };

/**
 * The family through the public door, every level real. A guest rings a doorbell and writes to a batched register; user
 * space takes both back meanwhile, and emulates whatever then comes to it. Each write is seen once, by one of the three.
 */
export const ioeventfdFreedUnderAVcpuDoor = scenario('io/ioeventfd-freed-under-a-vcpu-door', {
  title: 'KVM_RUN beside KVM_IOEVENTFD and KVM_UNREGISTER_COALESCED_MMIO',
  source: 'virt/kvm/eventfd.c, virt/kvm/coalesced_mmio.c',
  size: '1 vCPU with 2 stores, 2 ioctls, real SRCU on 2 CPUs',
  deep: true,
  *setup() {
    const kvm = yield* createVm({ srcu: 'real', cpus: 2 });
    const vcpu = yield* createVcpu(kvm, 0);
    if (typeof vcpu === 'number') throw new Error(`KVM_CREATE_VCPU failed: ${vcpu}`);
    vcpu.program = assemble([
      { op: 'store', gpa: DOORBELL, value: 1n, size: 4 },
      { op: 'store', gpa: ZONE, value: 2n, size: 4 },
      { op: 'hlt' },
    ]);
    const state: DoorVm = { kvm, vcpu, eventfd: openEventfd() };
    yield* ioctlIoeventfd(kvm, doorbell(state));
    yield* ioctlRegisterCoalescedMmio(kvm, zone);
    return state;
  },
  threads: {
    *vcpu0({ vcpu }: DoorVm) {
      const emulated: number[] = [];
      for (;;) {
        const result = yield* vcpuRun(vcpu);
        if (result !== 0 || vcpu.run.exitReason !== KvmExit.MMIO) return { result, emulated };
        emulated.push(mmioExit(vcpu.run).physAddr);
      }
    },
    *vmm(state: DoorVm) {
      const first = yield* ioctlIoeventfd(state.kvm, doorbell(state, KVM_IOEVENTFD_FLAG_DEASSIGN));
      const second = yield* ioctlUnregisterCoalescedMmio(state.kvm, zone);
      return [first, second];
    },
  },
  always: {
    'no exit runs a handler of what was freed': never('use after free'),
    'an exit that finds an array finds it filled': never('data race'),
    'each write is seen once': ({ results: { vcpu0 } }, { kvm, eventfd }) => {
      const rung = eventfd.count.peek();
      const batched = (kvm.coalescedMmioRing as CoalescedRing).last.peek();
      const [rings, writes] = [DOORBELL, ZONE].map((at) => vcpu0.emulated.filter((gpa) => gpa === at).length);
      return rung + (rings as number) === 1 && batched + (writes as number) === 1;
    },
  },
  sometimes: {
    'both are in time': ({ results: { vcpu0 } }) => vcpu0.emulated.length === 0,
    'both come to user space': ({ results: { vcpu0 } }) => vcpu0.emulated.length === 2,
    'the doorbell is gone, the zone is not': ({ results: { vcpu0 } }) =>
      vcpu0.emulated.join() === `${DOORBELL}`,
  },
});
