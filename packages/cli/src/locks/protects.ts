/** What each lock protects, from the guards that fields declare. */
import { lockOfClass } from '@faultline/kvm/locks';
import { structById } from '@faultline/machine';

/** Fields by the name of the lock: 'kvm->mmu_invalidate_in_progress'. The system has to be loaded. */
export function guardedFields(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let id = 1, type = structById(id); type !== undefined; type = structById(++id)) {
    for (const { name, guard } of type.fields) {
      if (guard === null) continue;
      const field = `${type.as}->${name}`;
      for (const lock of new Set([...guard.read, ...guard.write].map((c) => lockOfClass(c)?.name))) {
        if (lock === undefined) continue;
        const fields = found.get(lock) ?? [];
        if (!fields.includes(field)) fields.push(field);
        found.set(lock, fields);
      }
    }
  }
  return found;
}
