/** A change to the system as a user gives it: a patch, a variant, a file that replaces one of the project. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from './exit.ts';
import { type Changed, host } from './host.ts';
import { sourcesIn } from './names/outlines.ts';
import { applied } from './patch/apply.ts';
import { parsePatch } from './patch/parse.ts';
import { either } from './scenarios.ts';

/** Throws a UsageError that says what was expected. */
export function changeOf(given: string): Required<Changed> {
  const file = path.resolve(given);
  if (!existsSync(file)) {
    throw new UsageError(
      `${given}: no such file; expected a patch, a variant (a file that has '@replaces' tags), or a file that replaces one of packages/kvm/src`,
    );
  }
  const text = readFileSync(file, 'utf8');
  if (!/\.[cm]?tsx?$/.test(file)) return { variants: [], sources: patched(text, given) };
  if (/@replaces \S+#\w+ /.test(text)) return { variants: [file], sources: {} };
  return { variants: [], sources: { [replacedBy(file, given)]: text } };
}

/** Folders that a change may be in: what `check` builds. */
const SYSTEM = ['packages/kvm/src', 'packages/machine/src', 'packages/scenarios/src'];

function patched(text: string, name: string): Record<string, string> {
  const files = parsePatch(text);
  if (files.length === 0) throw new UsageError(`${name} holds no diff; expected the output of 'git diff'`);
  const sources: Record<string, string> = {};
  for (const one of files) {
    const at = one.to ?? one.from ?? '';
    if (!SYSTEM.some((folder) => at.startsWith(`${folder}/`)) || !at.endsWith('.ts')) continue;
    const absolute = path.join(host().root, at);
    if (path.relative(host().root, absolute).startsWith('..')) continue;
    if (one.to === null)
      throw new UsageError(`${name} removes ${at}: leave the file, and take its functions out`);
    if (one.from !== null && one.from !== one.to)
      throw new UsageError(`${name} renames ${one.from}: leave it where it is`);
    if (one.from !== null && !existsSync(absolute))
      throw new UsageError(`${name} changes ${at}, which does not exist here`);
    const before = sources[absolute] ?? (one.from === null ? '' : readFileSync(absolute, 'utf8'));
    sources[absolute] = applied(before, one, name, at);
  }
  if (Object.keys(sources).length > 0) return sources;
  const first = files[0]?.to ?? files[0]?.from ?? '';
  const kernel = /^(?:arch|virt|include|mm|Documentation|kernel)\//.test(first);
  throw new UsageError(
    `${name} changes no file of ${SYSTEM[0]}${kernel ? `; it looks like a patch to the kernel: use 'faultline review ${name}'` : ''}`,
  );
}

/** The file of the project that a file of the same name stands in for: as much of its path as is needed. */
function replacedBy(file: string, given: string): string {
  const all = SYSTEM.slice(0, 2).flatMap(sourcesIn);
  const own = path.relative(host().root, file).split(path.sep).join('/');
  if (all.includes(own)) {
    throw new UsageError(
      `${given} is the file of the project itself: use --since REF to compare the working tree`,
    );
  }
  const parts = file.split(path.sep);
  let fitting = all.filter((one) => path.posix.basename(one) === parts.at(-1));
  for (let n = 2; fitting.length > 1 && n <= parts.length; n++) {
    const narrower = fitting.filter((one) => one.endsWith(`/${parts.slice(-n).join('/')}`));
    if (narrower.length === 0) break;
    fitting = narrower;
  }
  const [only, ...others] = fitting;
  if (only === undefined) {
    throw new UsageError(
      `${given}:1: not a variant: no doc comment says '@replaces FILE#FUNCTION HASH'; and ${SYSTEM[0]} has no ${parts.at(-1)} that it could replace`,
    );
  }
  if (others.length > 0)
    throw new UsageError(`${given} could replace ${either(fitting)}: give it a folder of that name`);
  return path.join(host().root, only);
}
