/** Goal: `demo` from the outside, on real worker threads. */
import { expect, test } from 'vitest';
import { faultline } from '../testing/run.ts';

test.each([[[]], [['--ring']]])(
  'a guest that writes all the time arrives as it left: demo migrate %j',
  (how) => {
    const { status, stdout } = faultline(['demo', 'migrate', '--runs', '3', '--chaos', ...how]);
    expect(stdout).toMatch(
      /^live migration by dirty (log|ring), 2 vCPUs that write at random\n {2}round 0 {5}256 pages /,
    );
    expect(stdout).toMatch(/\n {2}stopped +\d+ pages? /);
    expect(stdout).toMatch(/\nequal {5}memory is the same byte for byte.*: 3 of 3 migrations/);
    expect(status).toBe(0);
  },
);

test('with pages that are not protected again it differs, and the output says which page and which write', () => {
  const { status, stdout } = faultline([
    'demo',
    'migrate',
    '--runs',
    '20',
    '--without',
    'dirty.protect_logged_pages',
  ]);
  expect(stdout).toMatch(
    /\ndiffers {3}(page \d+, )*page \d+: the destination does not hold what the source held\n/,
  );
  expect(stdout).toMatch(/\ndiffers {3}page \d+: vcpu[01] finds its write \d+ there; it had written \d+\n/);
  expect(stdout).toMatch(/\nin migration \d+ of 20, seed 1\n$/);
  expect(status).toBe(1);
});

test.each([
  [['demo', 'fly'], /no demo 'fly'; there is: faultline demo migrate/],
  [['demo', 'migrate', '--without', 'dirty.protect_loged_pages'], /did you mean dirty.protect_logged_pages/],
  [['demo', 'migrate', '--runs', 'x'], /Expected a whole number above 0/],
])('%j is refused with what to do instead', (args, reason) => {
  const { status, stderr } = faultline(args);
  expect(stderr).toMatch(reason);
  expect(status).toBe(2);
});
