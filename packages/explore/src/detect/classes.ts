/**
 * Names of locks as lockdep has them, one for all instances of a type ('kvm->slots_lock'), and the guards of fields
 * resolved to them.
 */
import { describe, type FieldInfo, type Guard } from '@faultline/machine';

/** In a guard: only the task that allocated the object. */
export const INIT = 'init';

export interface Classes {
  readonly read: Int32Array;
  readonly write: Int32Array;
  /** The task that allocated the object may write. */
  readonly init: boolean;
}

export class LockClasses {
  private readonly ids = new Map<string, number>();
  private readonly names: string[] = [''];
  private readonly byAddr = new Map<number, number>();
  private readonly byField = new Map<FieldInfo, Classes>();
  private readonly cells = new Map<number, FieldInfo>();
  /** For each word below `setupEnd` whether it is a guarded cell: 0 not known yet, 1 no, 2 yes. */
  private readonly cellGuarded: Uint8Array;

  /** Objects below `setupEnd` never change their type, so what stands there is looked up once. */
  constructor(private readonly setupEnd: number) {
    this.cellGuarded = new Uint8Array(setupEnd >>> 2);
  }

  name(id: number): string {
    return this.names[id];
  }

  /** Class of the lock or SRCU domain at an address. */
  of(addr: number): number {
    const known = this.byAddr.get(addr);
    if (known !== undefined) return known;
    const id = this.id(describe(addr).text.replace(/\[\d+\]/g, '[]'));
    if (addr < this.setupEnd) this.byAddr.set(addr, id);
    return id;
  }

  guard(field: FieldInfo): Classes {
    let classes = this.byField.get(field);
    if (classes === undefined) {
      classes = this.resolve(field.guard!);
      this.byField.set(field, classes);
    }
    return classes;
  }

  /** The field of the cell at an address if it has a guard, else null. */
  guardedCell(addr: number): FieldInfo | null {
    const known = addr < this.setupEnd ? this.cellGuarded[addr >>> 2] : 0;
    if (known === 1) return null;
    if (known === 2) return this.cells.get(addr) ?? null;
    const { info } = describe(addr);
    const field = info !== null && info.guard !== null ? info : null;
    if (addr < this.setupEnd) {
      this.cellGuarded[addr >>> 2] = field === null ? 1 : 2;
      if (field !== null) this.cells.set(addr, field);
    }
    return field;
  }

  private id(name: string): number {
    let id = this.ids.get(name);
    if (id === undefined) {
      id = this.names.length;
      this.names.push(name);
      this.ids.set(name, id);
    }
    return id;
  }

  private resolve(guard: Guard): Classes {
    const ids = (names: readonly string[]) =>
      Int32Array.from(names.filter((n) => n !== INIT).map((n) => this.id(n)));
    return {
      read: guard.read.includes(INIT) ? new Int32Array(0) : ids(guard.read),
      write: ids(guard.write),
      init: guard.write.includes(INIT),
    };
  }
}
