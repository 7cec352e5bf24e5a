/** Call paths as a reader wants them: functions, files, lines. */
import { siteById } from '@faultline/machine';
import type { Frame } from './finding.ts';

/** The frames of a list of sites; sites that no build registered are left out. */
export function framesOf(sites: readonly number[]): Frame[] {
  const frames: Frame[] = [];
  for (const id of sites) {
    if (id === 0) continue;
    const { fn, file, line, text } = siteById(id);
    frames.push({ fn, file, line, text });
  }
  return frames;
}
