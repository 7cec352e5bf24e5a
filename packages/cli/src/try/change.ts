/** The two systems that `try` compares, and what differs between them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Outline, PlainStep } from '@faultline/machine/plugin';
import { changeOf } from '../change.ts';
import { UsageError } from '../exit.ts';
import { type Changed, host } from '../host.ts';
import { plugin } from '../names/outlines.ts';
import { changeName } from '../targets.ts';

export interface Comparison {
  /** What tokens call the changed system; '' when it is the one on disk. */
  readonly variant: string;
  /** What to add to a command so that it runs the changed system. */
  readonly again: readonly string[];
  readonly before: Required<Changed>;
  readonly after: Required<Changed>;
  readonly files: readonly ChangedFile[];
}

export interface ChangedFile {
  /** Path in the project; of a variant, its absolute path. */
  readonly file: string;
  readonly absolute: string;
  readonly text: string;
  readonly before: Outline | null;
  readonly after: Outline;
  /** Declarations that differ, as ids of the graph: in `before`, in `after`, or in both. */
  readonly changed: readonly string[];
}

const ON_DISK: Required<Changed> = { variants: [], sources: {} };

/** The system on disk against itself with a patch, a variant or a replaced file. */
export async function comparisonWith(given: string): Promise<Comparison> {
  const after = changeOf(given);
  const files: ChangedFile[] = [];
  for (const [absolute, text] of Object.entries(after.sources)) {
    const file = inProject(absolute);
    files.push(await changedFile(file, absolute, textOf(absolute), text));
  }
  for (const variant of after.variants) files.push(...(await changedByVariant(variant)));
  return { variant: changeName(given), again: ['--with', given], before: ON_DISK, after, files };
}

/** A commit against the system on disk. */
export async function comparisonSince(ref: string): Promise<Comparison> {
  const folders = ['packages/kvm/src', 'packages/machine/src'];
  const names = git(['diff', '--name-only', ref, '--', ...folders], ref)
    .split('\n')
    .filter((name) => /\.ts$/.test(name) && !/\.test\.ts$|\/plugin\//.test(name));
  const files: ChangedFile[] = [];
  const sources: Record<string, string> = {};
  for (const file of names) {
    const absolute = path.join(host().root, file);
    const old = shown(ref, file);
    if (old !== null) sources[absolute] = old;
    files.push(await changedFile(file, absolute, old, textOf(absolute) ?? ''));
  }
  return { variant: '', again: [], before: { variants: [], sources }, after: ON_DISK, files };
}

async function changedFile(
  file: string,
  absolute: string,
  before: string | null,
  after: string,
): Promise<ChangedFile> {
  const { outline } = await plugin();
  try {
    const old = before === null ? null : outline(before, file);
    const now = outline(after, file);
    const hashes = (one: Outline | null) =>
      new Map((one?.declarations ?? []).filter(({ kind }) => kind !== 'member').map((d) => [d.name, d.hash]));
    const [a, b] = [hashes(old), hashes(now)];
    const names = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
    return {
      file,
      absolute,
      text: after,
      before: old,
      after: now,
      changed: names.map((n) => `${file}#${n}`),
    };
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`the changed ${error.message}`, { cause: error });
    throw error;
  }
}

/** Each file that the variant replaces functions of, with the variant's text as what is there now. */
async function changedByVariant(variant: string): Promise<ChangedFile[]> {
  const { outline, replacementsOf } = await plugin();
  const text = readFileSync(variant, 'utf8');
  const replaced = replacementsOf(text, variant);
  const after = outline(text, variant);
  const files = [...new Set(replaced.map(({ file }) => file))];
  return files.map((file) => {
    const own = replaced.filter((one) => one.file === file).map(({ name }) => name);
    const whole = outline(textOf(path.join(host().root, file)) ?? '', file);
    const spans = whole.declarations.filter(({ name }) => own.includes(name));
    const inside = ({ line }: { line: number }) =>
      spans.some((span) => line >= span.line && line <= span.end);
    const before = {
      ...whole,
      plainSteps: whole.plainSteps.filter(inside),
      steps: whole.steps.filter(inside),
    };
    return { file, absolute: variant, text, before, after, changed: own.map((name) => `${file}#${name}`) };
  });
}

/** A statement that is new, and a name for leaving it out. */
export interface Added {
  readonly step: string;
  readonly text: string;
  readonly file: string;
  readonly line: number;
}

/** The changed system with a label before each new visible step, so that it can be left out. */
export function labelled({ after, files }: Comparison): {
  readonly changed: Required<Changed>;
  readonly added: Added[];
} {
  const added: Added[] = [];
  const sources: Record<string, string> = { ...after.sources };
  for (const { file, absolute, text, before, after: now } of files) {
    const fresh = notIn(before?.plainSteps ?? [], now.plainSteps);
    let labelledText = text;
    for (const { at, line, text: says } of [...fresh].reverse()) {
      const label = `try_added_${added.length + 1}`;
      added.push({ step: `${now.area || 'try'}.${label}`, text: says, file, line });
      labelledText = `${labelledText.slice(0, at)}${label}: ${labelledText.slice(at)}`;
    }
    if (fresh.length > 0) {
      const area = now.area === '' ? '/** @area try */ ' : '';
      sources[absolute] = `${area}${labelledText}`;
    }
    const known = new Set(before?.steps.map(({ name }) => name));
    for (const { name, line } of now.steps) {
      if (!known.has(name) && !added.some(({ step }) => step === name))
        added.push({ step: name, text: name, file, line });
    }
  }
  return { changed: { variants: after.variants, sources }, added };
}

/** Steps that the change takes away. */
export function goneFrom({ files }: Comparison): Set<string> {
  const left = new Set(files.flatMap(({ after }) => after.steps.map(({ name }) => name)));
  const before = files.flatMap((file) => file.before?.steps ?? []);
  return new Set(before.map(({ name }) => name).filter((name) => !left.has(name)));
}

/** Statements of `now` that are not among those of `old`, in order: what a longest common run leaves over. */
function notIn(old: readonly PlainStep[], now: readonly PlainStep[]): PlainStep[] {
  const table = Array.from({ length: old.length + 1 }, () => new Int32Array(now.length + 1));
  const at = (i: number, j: number) => table[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    const row = table[i] as Int32Array;
    for (let j = now.length - 1; j >= 0; j--) {
      const same = old[i]?.text === now[j]?.text;
      row[j] = same ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const found: PlainStep[] = [];
  for (let i = 0, j = 0; j < now.length; ) {
    if (i < old.length && old[i]?.text === now[j]?.text) {
      i++;
      j++;
    } else if (i < old.length && at(i + 1, j) >= at(i, j + 1)) i++;
    else found.push(now[j++] as PlainStep);
  }
  return found;
}

function inProject(absolute: string): string {
  return path.relative(host().root, absolute).split(path.sep).join('/');
}

function textOf(absolute: string): string | null {
  try {
    return readFileSync(absolute, 'utf8');
  } catch {
    return null;
  }
}

function shown(ref: string, file: string): string | null {
  const there = git(['ls-tree', '--name-only', ref, '--', file], ref).trim() !== '';
  return there ? git(['show', `${ref}:${file}`], ref) : null;
}

function git(args: readonly string[], ref: string): string {
  try {
    return execFileSync('git', args, {
      cwd: host().root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const why = String((error as { stderr?: string }).stderr ?? (error as Error).message).split('\n')[0];
    throw new UsageError(`--since ${ref}: git cannot tell what has changed since (${why})`, { cause: error });
  }
}
