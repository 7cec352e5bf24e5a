import { expect, test } from 'vitest';
import { canonical, fromCanonical } from './canonical.ts';

test('the order in which keys were written does not show', () => {
  expect(canonical({ b: 1, a: { d: 2n ** 63n, c: [null, undefined] } })).toBe(
    '{"a":{"c":[null,null],"d":{"$n":"9223372036854775808"}},"b":1}',
  );
  expect(canonical({ a: undefined })).toBe(canonical({}));
  expect(canonical(undefined)).toBe('null');
});

test('a bigint and the number of the same value are different', () => {
  expect(canonical(1n)).not.toBe(canonical(1));
  expect(fromCanonical(canonical({ old: 7n, list: [1n, 1] }))).toEqual({ old: 7n, list: [1n, 1] });
});

test('an object of the arena is its address', () => {
  class View {
    readonly self = this;
    constructor(readonly addr: number) {}
  }
  expect(canonical([new View(64)])).toBe('[{"$at":64}]');
});
