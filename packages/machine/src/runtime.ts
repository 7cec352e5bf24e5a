/** What transformed modules import: where they are, and which steps are off. */
export { atSite, registerSites } from './sites.ts';
export { reach, stepNamed } from './step.ts';
