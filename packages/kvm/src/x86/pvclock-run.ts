/**
 * @area tsc
 *
 * A vCPU goes into its guest, which looks at its clock, and comes out again. Requests are those of the clock.
 */
import { retryAfterChange, type Seen, smpMb, smpWmb, type Task } from '@faultline/machine';
import { irqsOff, irqsOn } from '../hw/ipi.ts';
import { checkRequest, Request } from '../virt/requests.ts';
import { VcpuMode } from '../virt/vcpu-mode.ts';
import { guestClock, guestTimeUpdate, vcpuOf } from './pvclock.ts';
import type { VcpuTsc } from './tsc-state.ts';

/** What the guest reads in one turn. @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
export function* guestLooksAtClock(tsc: VcpuTsc): Task<number> {
  const vcpu = vcpuOf(tsc);
  for (;;) {
    const pending = yield* vcpu.requests.readOnce();
    if (yield* checkRequest(vcpu, pending, Request.CLOCK_UPDATE)) {
      yield* guestTimeUpdate(tsc);
    }
    yield* irqsOff(vcpu);
    yield* vcpu.mode.storeRelease(VcpuMode.IN_GUEST);
    // Pairs with the barrier between request and mode of whoever keeps vCPUs out.
    yield* smpMb();
    const left = yield* vcpu.requests.readOnce();
    if (left === 0n) break;
    yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
    yield* irqsOn(vcpu);
    // While the master clock changes nobody handles that request: it is in the way until it is taken back.
    const seen: Seen[] = [[vcpu.requests, left]];
    if ((left & CLOCK) === 0n) yield* retryAfterChange(seen);
  }
  const now = yield* guestClock(tsc);
  yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
  yield* smpWmb();
  yield* irqsOn(vcpu);
  return now;
}

const CLOCK = 1n << BigInt(Request.CLOCK_UPDATE & 0xff);
