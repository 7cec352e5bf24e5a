/**
 * @area tsc
 *
 * A vCPU goes into its guest, which looks at its clock, and comes out again. Requests are those of the clock.
 */
import { type Cell, retryAfterChange, type Seen, smpMb, smpWmb, type Task } from '@faultline/machine';
import { irqsOff, irqsOn } from '../hw/ipi.ts';
import { checkRequest, Request } from '../virt/requests.ts';
import { VcpuMode } from '../virt/vcpu-mode.ts';
import { guestClock, guestTimeUpdate, vcpuOf } from './pvclock.ts';
import type { VcpuTsc } from './tsc-state.ts';

/** What the guest reads in one turn. */
export function* guestLooksAtClock(tsc: VcpuTsc): Task<number> {
  yield* enterForClock(tsc);
  const now = yield* guestClock(tsc);
  yield* leaveAfterClock(tsc);
  return now;
}

/** In one turn the guest looks what was read last, by any of its vCPUs, and then at its clock; true if that is behind. */
export function* guestComparesClock(tsc: VcpuTsc, lastTime: Cell<number>): Task<boolean> {
  yield* enterForClock(tsc);
  const last = yield* lastTime.readOnce();
  const now = yield* guestClock(tsc);
  yield* lastTime.writeOnce(now);
  yield* leaveAfterClock(tsc);
  return now < last;
}

/** @kernel vcpu_enter_guest arch/x86/kvm/x86.c */
function* enterForClock(tsc: VcpuTsc): Task {
  const vcpu = vcpuOf(tsc);
  for (;;) {
    const pending = yield* vcpu.requests.readOnce();
    if (yield* checkRequest(vcpu, pending, Request.CLOCK_UPDATE)) {
      yield* guestTimeUpdate(tsc);
    }
    yield* irqsOff(vcpu);
    yield* vcpu.mode.storeRelease(VcpuMode.IN_GUEST);
    // Pairs with the barrier between request and mode of whoever keeps vCPUs out.
    // Pairs with the order of request and mode of whoever keeps vCPUs out.
    order_mode_before_clock_requests: yield* smpMb();
    const left = yield* vcpu.requests.readOnce();
    if (left === 0n) return;
    yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
    yield* irqsOn(vcpu);
    // While the master clock changes nobody handles that request: it is in the way until it is taken back.
    const seen: Seen[] = [[vcpu.requests, left]];
    if ((left & CLOCK) === 0n) yield* retryAfterChange(seen);
  }
}

function* leaveAfterClock(tsc: VcpuTsc): Task {
  const vcpu = vcpuOf(tsc);
  yield* vcpu.mode.writeOnce(VcpuMode.OUTSIDE_GUEST);
  yield* smpWmb();
  yield* irqsOn(vcpu);
}

const CLOCK = 1n << BigInt(Request.CLOCK_UPDATE & 0xff);
