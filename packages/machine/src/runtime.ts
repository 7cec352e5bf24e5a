/** What transformed modules import: where they are, and which steps are off. */
export { atSite, registerSites } from './sites.ts';
export { stepNamed } from './step.ts';
