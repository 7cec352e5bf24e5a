/** The same transform for the test runner: tests see the explored build. */
import path from 'node:path';
import { transform } from './transform.ts';

interface VitePlugin {
  readonly name: string;
  readonly enforce: 'pre';
  transform(code: string, id: string): { code: string; map: string } | null;
}

const TASK_SOURCE =
  /[\\/](?:packages[\\/](?:(?:machine|kvm|scenarios)[\\/](?:src|variants)|threads[\\/]src[\\/]toys)|docs[\\/]examples)[\\/](?!plugin[\\/])(?!.*\.test\.ts$).*\.ts$/;

export function faultlineVite(root: string): VitePlugin {
  return {
    name: 'faultline',
    enforce: 'pre',
    transform(code, id) {
      const file = id.split('?')[0] as string;
      if (!TASK_SOURCE.test(file)) return null;
      const name = path.relative(root, file).split(path.sep).join('/');
      return transform(code, name, { platform: 'explored' });
    },
  };
}
