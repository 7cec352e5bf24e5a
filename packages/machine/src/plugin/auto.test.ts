/** Goal: a build that names every site changes nothing but the last argument of operations that have no name. */
import { expect, test } from 'vitest';
import { transform } from './transform.ts';

const HEAD = '/** @area mmu */\n';

function auto(body: string, platform: 'explored' | 'threads' = 'explored'): string {
  const code = `${HEAD}export function* zap(kvm, sptep) {\n${body}\n}\n`;
  return transform(code, 'packages/kvm/src/x86/zap.ts', { platform, auto: true })?.code ?? code;
}

/** The steps that were declared, in order. */
function names(code: string): string[] {
  return [...code.matchAll(/\$n\("auto:mmu:packages\/kvm\/src\/x86\/zap.ts#zap:([^"]*)",'auto'/g)].map(
    (m) => m[1] ?? '',
  );
}

test('atomics and fences are named after what they do, each time anew', () => {
  const code = auto(
    'yield* sptep.xchg(0n);\nyield* smpMb();\nyield* sptep.xchg(1n);\nyield* sptep.cmpxchg(a,\n  b,\n);',
  );
  expect(names(code)).toEqual(['sptep.xchg', 'smpMb', 'sptep.xchg (2)', 'sptep.cmpxchg']);
  expect(code).toContain('sptep.xchg(0n, $u($s0))');
  expect(code).toContain('smpMb($u($s1))');
  expect(code).toContain('b, $u($s3),');
});

test('a lock and its unlock in one function are one step', () => {
  const code = auto(
    'yield* kvm.mmuLock.writeLock();\nyield* kvm.mmuLock.writeUnlock();\nyield* kvm.lock.lock();',
  );
  expect(names(code)).toEqual(['kvm.mmuLock held (write)', 'kvm.lock held']);
  expect(code.match(/\$u\(\$s0\)/g)).toHaveLength(2);
});

test('what has a name, and what is no atomic, fence or lock, is left alone', () => {
  const code = auto(
    "yield* sptep.xchg(0n, at('mmu.zap_xchg'));\nyield* sptep.readOnce();\nyield* kvm.srcu.readLock();\nyield* other(kvm);",
  );
  expect(names(code)).toEqual([]);
  expect(code).not.toContain('$u');
});

test('a build for threads has no such steps', () => {
  expect(auto('yield* sptep.xchg(0n);', 'threads')).not.toContain('$u');
});
