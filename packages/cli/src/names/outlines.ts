/** The sources of the system as outlines: read once for each state of the sources, then from the cache. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Outline } from '@faultline/machine/plugin';
import { host } from '../host.ts';

type Plugin = typeof import('@faultline/machine/plugin');

const FOLDERS = [
  'packages/machine/src',
  'packages/kvm/src',
  'packages/kvm/variants',
  'packages/scenarios/src',
];

/** The build plugin as the launcher built it: it parses, and is not part of this bundle. */
export async function plugin(): Promise<Plugin> {
  return (await import(pathToFileURL(path.join(host().built, 'plugin.js')).href)) as Plugin;
}

/** By path in the project. */
export async function outlines(): Promise<Map<string, Outline>> {
  const cached = path.join(host().built, 'outlines.json');
  if (existsSync(cached)) return byFile(JSON.parse(readFileSync(cached, 'utf8')) as Outline[]);
  const { outline } = await plugin();
  const found = FOLDERS.flatMap(sourcesIn).map((file) =>
    outline(readFileSync(path.join(host().root, file), 'utf8'), file),
  );
  try {
    writeFileSync(cached, JSON.stringify(found));
  } catch {
    // Then the next one reads them again.
  }
  return byFile(found);
}

function byFile(list: readonly Outline[]): Map<string, Outline> {
  return new Map(list.map((one) => [one.file, one]));
}

/** Paths in the project of the modules below a folder; tests and the build plugin aside. */
export function sourcesIn(folder: string): string[] {
  const from = path.join(host().root, folder);
  if (!existsSync(from)) return [];
  return readdirSync(from, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.split(path.sep).join('/')}`)
    .filter((name) => /\.ts$/.test(name) && !/\.test\.ts$|\/plugin\//.test(name))
    .sort();
}
