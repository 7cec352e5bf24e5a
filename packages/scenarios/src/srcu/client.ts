/** What the scenarios of this area start from: a pointer that an SRCU domain protects, and its two kinds of users. */
import {
  type Cell,
  cell32,
  ptrCell,
  type Srcu,
  type SrcuLevel,
  type StructType,
  srcu,
  struct,
  type Task,
  u32Field,
  type View,
} from '@faultline/machine';

/** What the pointer leads to: never changed once it is published, freed when it has been replaced. */
export interface Version extends View {
  number: number;
}

export const Version: StructType<Version> = struct('version', { number: u32Field }, { as: 'p' });

export interface Client extends View {
  readonly srcu: Srcu;
  readonly pointer: Cell<Version | null>;
}

export const Client: StructType<Client> = struct(
  'srcu_user',
  {
    srcu,
    pointer: { ...ptrCell((): StructType<Version> => Version), guard: { read: ['u->srcu'], write: [] } },
  },
  { as: 'u' },
);

/** Cells that sections and updaters write and read, to show in which order they ran. */
export interface Marks extends View {
  readonly a: Cell<number>;
  readonly b: Cell<number>;
  readonly c: Cell<number>;
}

export const Marks: StructType<Marks> = struct('marks', { a: cell32, b: cell32, c: cell32 });

/** A client whose pointer leads to version 0. */
export function makeClient(level: SrcuLevel, cpus: number): Client {
  const client = Client.alloc();
  client.srcu.init(level, cpus);
  client.pointer.poke(makeVersion(0));
  return client;
}

function makeVersion(number: number): Version {
  const version = Version.alloc();
  version.number = number;
  return version;
}

/** A read section: finds the pointer and uses what it leads to. Returns the number of the version it found. */
export function* readVersion(client: Client): Task<number> {
  const idx = yield* client.srcu.readLock();
  const version = (yield* client.pointer.rcuDereference()) as Version;
  const { number } = version;
  yield* client.srcu.readUnlock(idx);
  return number;
}

/** Replaces the version and frees the old one after a grace period. */
export function* replaceVersion(client: Client, number: number): Task {
  const old = (yield* client.pointer.xchg(makeVersion(number))) as Version;
  yield* client.srcu.synchronize();
  Version.free(old);
}
