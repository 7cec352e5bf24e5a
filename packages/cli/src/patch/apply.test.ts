import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffOfTexts } from '../testing/diff.ts';
import { applied } from './apply.ts';
import { type FilePatch, parsePatch } from './parse.ts';

function only(text: string): FilePatch {
  const [one] = parsePatch(text);
  if (one === undefined) throw new Error('no file in the patch');
  return one;
}

test('a diff of any two texts turns the one into the other', () => {
  const text = fc.array(fc.constantFrom('', 'a', 'b', '-- x', '++ y', ' c', '@@', '> q'), { maxLength: 12 });
  fc.assert(
    fc.property(text, text, (old, now) => {
      const [before, after] = [old.join('\n'), now.join('\n')];
      fc.pre(before !== after);
      expect(applied(before, only(diffOfTexts('x.ts', before, after)), 'p', 'x.ts')).toBe(after);
    }),
  );
});

test('lines that moved are found where they are now', () => {
  const patch = only(diffOfTexts('x.ts', 'a\nb\nc\nd\n', 'a\nb\nC\nd\n'));
  expect(applied('new\nnew\na\nb\nc\nd\n', patch, 'p', 'x.ts')).toBe('new\nnew\na\nb\nC\nd\n');
});

test('a hunk that was cut is refused', () => {
  const whole = diffOfTexts('x.ts', 'a\nb\nc\nd\n', 'a\nb\nC\nd\n');
  const cut = only(whole.split('\n').slice(0, -3).join('\n'));
  expect(() => applied('a\nb\nc\nd\n', cut, 'my.patch', 'x.ts')).toThrow(
    /my\.patch: hunk 1 \(line 4\) is not whole/,
  );
});
