/**
 * A KVM to compare with where there is none: it gives the answers that ours has just given, unless the test changes one.
 * Both sides make the same calls in the same order, ours first.
 */
import type { KvmClient } from '../client.ts';

/** Changes what a method of a VM or a vCPU returned. */
export type Change = (method: string, result: unknown) => unknown;

export function echoOf(ours: KvmClient, change: Change): { ours: KvmClient; theirs: KvmClient } {
  const heard: unknown[] = [];
  return {
    ours: listened(ours, heard),
    theirs: repeating(heard, change) as KvmClient,
  };
}

/** The object, with every result of a method written down; objects that it returns are listened to as well. */
function listened<T extends object>(target: T, heard: unknown[]): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (Array.isArray(value)) return value.map((one: object) => listened(one, heard));
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const result: unknown = (value as (...args: unknown[]) => unknown).apply(object, args);
        if (name === 'createVm') return listened(result as object, heard);
        heard.push(result);
        return result;
      };
    },
  });
}

function repeating(heard: unknown[], change: Change): unknown {
  const vcpus: unknown[] = [];
  let memory = new Uint8Array(0);
  const echo: unknown = new Proxy(
    {},
    {
      get(_, name) {
        if (name === 'name') return 'an echo';
        if (name === 'vcpus') return vcpus;
        if (name === 'memory') return memory;
        return () => {
          if (name === 'createVm') {
            vcpus.length = 0;
            memory = new Uint8Array(96 * 4096);
            return echo;
          }
          const result = heard.shift();
          if (name === 'createVcpu' && result === 0) vcpus.push(echo);
          return change(String(name), result);
        };
      },
    },
  );
  return echo;
}
