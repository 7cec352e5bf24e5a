/** The device's file is there before its reference on the VM. */
import type { Task } from '@faultline/machine';
import { kvmGetKvm } from '../src/arm64/destroy-vm.ts';
import type { ArmKvm } from '../src/arm64/state.ts';
import { installNewFile, type Process } from '../src/host/process.ts';

/** @replaces packages/kvm/src/host/process.ts#createDevice 40a3651f */
export function* createDevice(process: Process, fd: number, kvm: ArmKvm): Task {
  yield* installNewFile(process, fd, kvm);
  yield* kvmGetKvm(kvm);
}
