/**
 * Which declaration refers to which, across modules. A reference is an identifier, not only a call, so that functions kept
 * in tables count: what this graph does not connect cannot run.
 */
import path from 'node:path';
import type { Declaration, Outline } from '@faultline/machine/plugin';

export interface Place {
  readonly file: string;
  readonly declaration: Declaration;
}

/** 'packages/kvm/src/virt/kick.ts#kickVcpu' */
export function idOf({ file, declaration }: Place): string {
  return `${file}#${declaration.name}`;
}

export class Graph {
  readonly places = new Map<string, Place>();
  private readonly usedBy = new Map<string, string[]>();

  constructor(private readonly outlines: ReadonlyMap<string, Outline>) {
    for (const { file, declarations } of outlines.values()) {
      for (const declaration of declarations) {
        if (declaration.kind !== 'member')
          this.places.set(`${file}#${declaration.name}`, { file, declaration });
      }
    }
    for (const [id, { file, declaration }] of this.places) {
      const used = declaration.refs
        .flatMap((name) => this.resolve(file, name) ?? [])
        .filter((to) => to !== id);
      for (const to of used) push(this.usedBy, to, id);
    }
  }

  /** Everything that refers to one of these, through any number of others, themselves included. */
  usersOf(ids: Iterable<string>): Set<string> {
    const seen = new Set(ids);
    for (const id of seen) for (const by of this.usedBy.get(id) ?? []) seen.add(by);
    return seen;
  }

  /**
   * Where a survey would see that `id` is reached: itself if it has a place where another CPU may run; else the nearest such
   * functions that refer to it, through plain code; and scenarios that do so themselves.
   */
  carriers(id: string): Set<string> {
    const found = new Set<string>();
    const seen = new Set([id]);
    for (const at of seen) {
      const place = this.places.get(at);
      if (place === undefined) continue;
      const { visible, scenarios } = place.declaration;
      if (scenarios.length > 0 && place.file.startsWith('packages/scenarios/')) found.add(at);
      else if (visible) found.add(at);
      else for (const by of this.usedBy.get(at) ?? []) seen.add(by);
    }
    return found;
  }

  private resolve(file: string, name: string): string | null {
    const own = `${file}#${name}`;
    if (this.places.has(own)) return own;
    const imported = this.outlines.get(file)?.imports[name];
    return imported === undefined ? null : this.exported(moduleOf(file, imported.from), imported.name, 0);
  }

  /** What a module calls `name` may come from another one. */
  private exported(file: string, name: string, depth: number): string | null {
    const own = `${file}#${name}`;
    if (this.places.has(own)) return own;
    const outline = this.outlines.get(file);
    if (outline === undefined || depth > 8) return null;
    for (const { from, names } of outline.passesOn) {
      const there = names === null ? name : names[name];
      if (there === undefined) continue;
      const found = this.exported(moduleOf(file, from), there, depth + 1);
      if (found !== null) return found;
    }
    const imported = outline.imports[name];
    return imported === undefined
      ? null
      : this.exported(moduleOf(file, imported.from), imported.name, depth + 1);
  }
}

/** Path in the project of what `file` imports as `from`. */
function moduleOf(file: string, from: string): string {
  if (from.startsWith('.')) return path.posix.join(path.posix.dirname(file), from);
  const [, name, sub] = /^@faultline\/([^/]+)(?:\/(.+))?$/.exec(from) ?? [];
  return name === undefined ? from : `packages/${name}/src/${sub ?? 'index'}.ts`;
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
