import { hva, type Pfn } from '@faultline/kvm';
import { guestRead, guestWrite, migratePage } from '@faultline/kvm/seams';
import { scenario } from '@faultline/machine';
import {
  type ApicvOptions,
  type ApicvVm,
  apicRegister,
  apicvVm,
  ENTRY_ABSTRACT,
  memoryUntouched,
} from '../vm/apicv-vm.ts';

interface More {
  readonly title: string;
  readonly source: string;
  readonly reload: NonNullable<ApicvOptions['reload']>;
  readonly defends?: readonly string[];
}

/**
 * The host moves the APIC-access page while the guest uses its APIC. Intel's hardware compares host frames: a vCPU that
 * has not been told of the new one takes it for memory, when the entry names it. It is told on its way into the guest.
 */
function accessPageMoved(name: string, { reload, title, ...more }: More) {
  return scenario(`apicv/${name}`, {
    title,
    size: '1 vCPU, 1 write to its APIC, its access page migrated, 2 frames, tables of 1 level, flush real',
    exploredOnly: ENTRY_ABSTRACT,
    ...more,
    *setup() {
      const vm = yield* apicvVm({ apicv: { vendor: 'vmx', reload }, mmu: { frames: 2 } });
      yield* guestRead(vm.vcpu, apicRegister(vm, 'TPR'));
      return vm;
    },
    threads: {
      *vcpu0(vm: ApicvVm) {
        return (yield* guestWrite(vm.vcpu, apicRegister(vm, 'TPR'), 0x20n)).via;
      },
      *host({ kvm }: ApicvVm) {
        return yield* migratePage(kvm, hva(0), 1 as Pfn);
      },
    },
    always: {
      'what the guest writes to its APIC is in the APIC': (_, { apic }) => apic.tpr === 0x20,
      'no frame is written': (_, vm) => memoryUntouched(vm),
    },
    sometimes: {
      'the page moves': ({ results }) => results.host !== null,
      'the hardware is told of another frame': (_, { apic }) => apic.apicAccessAddr === 1,
    },
  });
}

/** As since 2023: the request comes with the invalidation, and whoever serves it looks whether that is over. */
export const accessPageMigrated = accessPageMoved('access-page-migrated', {
  title: 'the guest writes to its APIC, and the host frame has moved',
  source: 'kvm_unmap_gfn_range, vmx_set_apic_access_page_addr',
  reload: 'range_start',
  defends: ['apicv.request_page_reload', 'apicv.retry_stale_page'],
});

/** As in 6.1: the request comes when the host has let go of the page, and nobody looks again. */
export const accessPageMigratedByHook = accessPageMoved('access-page-migrated-by-hook', {
  title: 'the guest writes to its APIC, and the host frame has moved, with the hook of 6.1',
  source: 'kvm_arch_mmu_notifier_invalidate_range',
  reload: 'invalidate_range',
  defends: ['apicv.request_page_reload_by_hook'],
});
