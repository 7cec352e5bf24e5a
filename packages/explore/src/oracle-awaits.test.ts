import { expect, test } from 'vitest';
import { type Case, compareModes, PROGRAMS, wrongWith } from './oracle-suite.ts';
import { flavors } from './programs/random.ts';

const flavor = flavors[1];
let cases: Case[] = [];

test(`four modes agree on ${PROGRAMS} random programs of ${flavor.name}, optimal with nothing blocked`, () => {
  cases = compareModes(flavor);
  expect(cases.length).toBe(PROGRAMS);
});

test('leaving out operations that still wait at the end is noticed', () => {
  expect(wrongWith(flavor, cases, { ignorePending: true })).toBeGreaterThan(0);
});

test('racing waiting operations as others is noticed', () => {
  expect(wrongWith(flavor, cases, { immediateOnly: true })).toBeGreaterThan(0);
});
