/** Build-time entry: the transform, its plugins, and variants. Never imported by what runs. */
export { TransformError } from './error.ts';
export { faultlinePlugin, type PluginOptions } from './esbuild.ts';
export {
  type Declaration,
  type KernelName,
  kernelNames,
  type Outline,
  outline,
  type PlainStep,
  type StepPlace,
} from './outline.ts';
export { type Transformed, type TransformOptions, transform } from './transform.ts';
export { checkFresh, functionHash, type Replacement, replacementsOf } from './variant.ts';
export { faultlineVite } from './vite.ts';
