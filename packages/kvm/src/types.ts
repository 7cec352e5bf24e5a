/** The number types of the memory core, branded so that none is taken for another. */
declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** Guest frame number: guest-physical address / 4096. */
export type Gfn = Branded<number, 'gfn'>;
/** Guest-physical address, bytes. */
export type Gpa = Branded<number, 'gpa'>;
/** Host-virtual address in the VMM process, bytes. */
export type Hva = Branded<number, 'hva'>;
/** Host page frame number. */
export type Pfn = Branded<number, 'pfn'>;

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

export const gfnOf = (gpa: Gpa): Gfn => Math.floor(gpa / PAGE_SIZE) as Gfn;
export const gpaOf = (gfn: Gfn): Gpa => (gfn * PAGE_SIZE) as Gpa;
export const gfn = (n: number): Gfn => n as Gfn;
export const gpa = (n: number): Gpa => n as Gpa;
export const hva = (n: number): Hva => n as Hva;
export const pfn = (n: number): Pfn => n as Pfn;
