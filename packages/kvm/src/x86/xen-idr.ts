/**
 * @area xen
 *
 * The table of ports: one node, which is there while a port is in use. Changed under the lock of xen-lock.ts, walked
 * without it inside RCU.
 */
import { bugOn, type Task } from '@faultline/machine';
import type { Kvm } from '../virt/kvm.ts';
import { lockXen, unlockXen } from './xen-lock.ts';
import { type Evtchnfd, IdrNode, type KvmXen, MAX_PORTS } from './xen-state.ts';

/** The record at an id, or null. @kernel idr_find lib/idr.c */
export function* idrFind(kvm: Kvm, id: number): Task<Evtchnfd | null> {
  const node = yield* (kvm.xen as KvmXen).evtchnPorts.rcuDereference();
  return node === null ? null : yield* node.slots.at(id).rcuDereference();
}

/** Puts a record at an id; false if there is one. @kernel idr_alloc lib/idr.c */
export function* idrAlloc(kvm: Kvm, id: number, record: Evtchnfd): Task<boolean> {
  const { evtchnPorts } = kvm.xen as KvmXen;
  const root = yield* evtchnPorts.readOnce();
  const node = root ?? IdrNode.alloc();
  if ((yield* node.slots.at(id).readOnce()) !== null) return false;
  yield* node.slots.at(id).assign(record);
  node.used++;
  if (root === null) yield* evtchnPorts.assign(node);
  return true;
}

/** Takes the record at an id out; the node goes with the last one. @kernel idr_remove lib/idr.c */
export function* idrRemove(kvm: Kvm, id: number): Task<Evtchnfd | null> {
  const xen = kvm.xen as KvmXen;
  const node = yield* xen.evtchnPorts.readOnce();
  const record = node === null ? null : yield* node.slots.at(id).readOnce();
  if (node === null || record === null) return null;
  yield* node.slots.at(id).assign(null);
  node.used--;
  if (node.used > 0) return record;
  yield* xen.evtchnPorts.assign(null);
  node.rcuNext = xen.rcuNodes;
  xen.rcuNodes = node;
  return record;
}

/** The ids in use. @kernel idr_for_each_entry include/linux/idr.h */
export function* idrEach(kvm: Kvm): Task<number[]> {
  const found: number[] = [];
  const node = yield* (kvm.xen as KvmXen).evtchnPorts.readOnce();
  for (let id = 0; node !== null && id < MAX_PORTS; id++) {
    if (node.slots.at(id).peek() !== null) found.push(id);
  }
  return found;
}

/** What RCU does by itself at some time: frees the nodes that are no longer in the table. @kernel rcu_do_batch kernel/rcu/tree.c */
export function* freeIdrNodes(kvm: Kvm): Task {
  const xen = kvm.xen as KvmXen;
  yield* lockXen(kvm);
  let node = xen.rcuNodes;
  xen.rcuNodes = null;
  yield* unlockXen(kvm);
  if (node === null) return;
  wait_for_port_lookups: yield* kvm.rcu.synchronize();
  while (node !== null) {
    const next: IdrNode | null = node.rcuNext;
    bugOn(node.used > 0, 'a node in use is freed');
    IdrNode.free(node);
    node = next;
  }
}
