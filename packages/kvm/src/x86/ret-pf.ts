/** What a page-fault handler asks for. @kernel RET_PF_* arch/x86/kvm/mmu/mmu_internal.h */
export const RetPf = { CONTINUE: 0, RETRY: 1, EMULATE: 2, INVALID: 3, FIXED: 4, SPURIOUS: 5 } as const;
