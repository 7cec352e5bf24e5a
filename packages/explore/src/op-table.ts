/**
 * Operations as columns: one row for each thread (what it waits to do) or each event (what was done).
 * The one record that tasks fill is copied here at once; nothing is allocated for an operation.
 */
import { type Codec, Kind, MAX_LIST, type Operation } from '@faultline/machine';

export class OpTable {
  readonly kind: Int32Array;
  readonly addr: Int32Array;
  readonly order: Int32Array;
  /** Bytes of the cell: 4 or 8; 4 for anything that is not a cell. */
  readonly size: Int32Array;
  readonly aLo: Uint32Array;
  readonly aHi: Uint32Array;
  readonly bLo: Uint32Array;
  readonly bHi: Uint32Array;
  readonly step: Int32Array;
  readonly site: Int32Array;
  readonly codec: (Codec | null)[];
  /** Of a CHOOSE: what is chosen. */
  readonly text: string[];
  readonly listLength: Int32Array;
  /** Cells of RETRY and ATOMIC, MAX_LIST a row; empty until there is such an operation. */
  listAddr: Uint32Array = new Uint32Array(0);
  listLo: Uint32Array = new Uint32Array(0);
  listHi: Uint32Array = new Uint32Array(0);
  listSize: Uint8Array = new Uint8Array(0);

  constructor(readonly rows: number) {
    this.kind = new Int32Array(rows);
    this.addr = new Int32Array(rows);
    this.order = new Int32Array(rows);
    this.size = new Int32Array(rows);
    this.aLo = new Uint32Array(rows);
    this.aHi = new Uint32Array(rows);
    this.bLo = new Uint32Array(rows);
    this.bHi = new Uint32Array(rows);
    this.step = new Int32Array(rows);
    this.site = new Int32Array(rows);
    this.codec = new Array<Codec | null>(rows).fill(null);
    this.text = new Array<string>(rows).fill('');
    this.listLength = new Int32Array(rows);
  }

  /** Copies the record into a row. */
  take(row: number, op: Operation, site: number): void {
    this.kind[row] = op.kind;
    this.addr[row] = op.addr;
    this.order[row] = op.order;
    this.size[row] = op.codec === null ? 4 : op.codec.size;
    this.aLo[row] = op.aLo;
    this.aHi[row] = op.aHi;
    this.bLo[row] = op.bLo;
    this.bHi[row] = op.bHi;
    this.step[row] = op.step;
    this.site[row] = site;
    this.codec[row] = op.codec;
    if (op.kind === Kind.CHOOSE) this.text[row] = op.text;
    const n = op.listLength;
    this.listLength[row] = n;
    if (n === 0) return;
    if (this.listAddr.length === 0) this.makeLists();
    const base = row * MAX_LIST;
    for (let k = 0; k < n; k++) {
      this.listAddr[base + k] = op.listAddr[k];
      this.listLo[base + k] = op.listLo[k];
      this.listHi[base + k] = op.listHi[k];
      this.listSize[base + k] = op.listSize[k];
    }
  }

  /** Copies a row of another table. */
  copy(row: number, from: OpTable, other: number): void {
    this.kind[row] = from.kind[other];
    this.addr[row] = from.addr[other];
    this.order[row] = from.order[other];
    this.size[row] = from.size[other];
    this.aLo[row] = from.aLo[other];
    this.aHi[row] = from.aHi[other];
    this.bLo[row] = from.bLo[other];
    this.bHi[row] = from.bHi[other];
    this.step[row] = from.step[other];
    this.site[row] = from.site[other];
    this.codec[row] = from.codec[other];
    if (from.kind[other] === Kind.CHOOSE) this.text[row] = from.text[other];
    const n = from.listLength[other];
    this.listLength[row] = n;
    if (n === 0) return;
    if (this.listAddr.length === 0) this.makeLists();
    const base = row * MAX_LIST;
    const source = other * MAX_LIST;
    for (let k = 0; k < n; k++) {
      this.listAddr[base + k] = from.listAddr[source + k];
      this.listLo[base + k] = from.listLo[source + k];
      this.listHi[base + k] = from.listHi[source + k];
      this.listSize[base + k] = from.listSize[source + k];
    }
  }

  private makeLists(): void {
    const cells = this.rows * MAX_LIST;
    this.listAddr = new Uint32Array(cells);
    this.listLo = new Uint32Array(cells);
    this.listHi = new Uint32Array(cells);
    this.listSize = new Uint8Array(cells);
  }
}
