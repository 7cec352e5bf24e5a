/** Goal: an index outside of an array is an error at once, not a write to the field beside it. */
import { expect, test } from 'vitest';
import { formatArena, useArena } from './arena.ts';
import { array, cell32, u32Field } from './fields.ts';
import { struct } from './struct.ts';

const Pair = struct('pair', { plain: array(u32Field, 2), cells: array(cell32, 2), after: u32Field });

test('an index outside of an array is refused, and what follows the array stays', () => {
  useArena(new ArrayBuffer(4096));
  formatArena(0);
  const pair = Pair.alloc();
  pair.after = 7;
  expect(() => pair.plain.set(2, 1)).toThrow('index 2 of plain[2]');
  expect(() => pair.plain.get(-1)).toThrow(RangeError);
  expect(() => pair.cells.at(2)).toThrow('index 2 of cells[2]');
  expect(pair.after).toBe(7);
  pair.plain.set(1, 5);
  expect(pair.plain.get(1)).toBe(5);
});
