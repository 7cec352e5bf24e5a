import { expect, test } from 'vitest';
import { type Case, compareModes, PROGRAMS } from './oracle-suite.ts';
import { flavors } from './programs/random.ts';

const flavor = flavors[3];
let cases: Case[] = [];

test(`four modes agree on ${PROGRAMS} random programs of ${flavor.name}, optimal with nothing blocked`, () => {
  cases = compareModes(flavor);
  expect(cases.length).toBe(PROGRAMS);
});
