import { type Srcu, type SrcuLevel, scenario, type Task } from '@faultline/machine';
import { Client, Marks } from './client.ts';
import { newSection, oldSection, secondUpdate, type Users, update } from './most-general-client.ts';

/**
 * Scenarios that are not about SRCU run its abstract form: a section is two operations, a grace period is two, of which
 * the first notes who is inside and the second waits for just those. That is sound if it allows every outcome of the
 * real one. This client sees all that a client can see of a domain: which section overlaps which, and what a section
 * sees of the two halves of an update. Its set of outcomes is compared between the levels, here and with two updaters.
 *
 * One operation for a whole grace period would be too coarse: a grace period may end while a section is inside that
 * began when an older one still was, so there need not be a moment at which nobody is.
 */
export const realShowsMoreThanAbstract = scenario('srcu/real-shows-more-than-abstract', {
  title: 'the abstract grace period hides an outcome of the real one',
  source: 'kernel/rcu/srcutree.c',
  size: '2 readers, 1 updater, 1 CPU',
  defends: ['srcu.drain_active_index'],
  *setup(): Task<Users> {
    return usersOf('real');
  },
  threads: {
    *old(users: Users) {
      return yield* oldSection(users);
    },
    *new(users: Users) {
      return yield* newSection(users);
    },
    *updater(users: Users) {
      return yield* update(users);
    },
  },
  always: {
    'a section that began before the update is over before the update is': ({ results: { old } }) =>
      old[0] === 1 || old[2] === 0,
  },
  sometimes: {
    'the update ends although some section is inside all the time': ({ results }) =>
      results.old[0] === 0 && results.old[1] === 1 && results.new === 1,
  },
});

/** The same with a second updater in place of the second reader. */
export const twoUpdaters = scenario('srcu/real-shows-more-than-abstract-updaters', {
  title: 'the abstract grace period hides an outcome of two real ones at once',
  source: 'kernel/rcu/srcutree.c',
  size: '1 reader, 2 updaters, 1 CPU',
  defends: ['srcu.drain_active_index'],
  *setup(): Task<Users> {
    return usersOf('real');
  },
  threads: {
    *old(users: Users) {
      return yield* oldSection(users);
    },
    *updater(users: Users) {
      return yield* update(users);
    },
    *second(users: Users) {
      return yield* secondUpdate(users);
    },
  },
  always: {
    'a section that began before the update is over before the update is': ({ results: { old } }) =>
      old[0] === 1 || old[2] === 0,
  },
  sometimes: {
    'the second grace period ends after the first': ({ results: { second } }) => second === 1,
    'the second grace period ends before the first': ({ results: { second } }) => second === 0,
  },
});

/** Both at once. */
export const fourUsers = scenario('srcu/real-shows-more-than-abstract-four', {
  title: 'the abstract grace period hides an outcome of two real ones at once, beside two readers',
  source: 'kernel/rcu/srcutree.c',
  size: '2 readers, 2 updaters, 1 CPU',
  defends: ['srcu.drain_active_index'],
  *setup(): Task<Users> {
    return usersOf('real');
  },
  threads: {
    *old(users: Users) {
      return yield* oldSection(users);
    },
    *new(users: Users) {
      return yield* newSection(users);
    },
    *updater(users: Users) {
      yield* update(users);
    },
    *second(users: Users) {
      return yield* secondUpdate(users);
    },
  },
  always: {
    'a section that began before the update is over before the update is': ({ results: { old } }) =>
      old[0] === 1 || old[2] === 0,
  },
  sometimes: {
    'the update ends although some section is inside all the time': ({ results }) =>
      results.old[0] === 0 && results.old[1] === 1 && results.new === 1,
  },
});

/** The same on two CPUs, where a section may end on another one than it began. */
export const fourMigratingUsers = scenario('srcu/real-shows-more-than-abstract-migrating', {
  title:
    'the abstract grace period hides an outcome of two real ones at once, beside two readers that migrate',
  source: 'kernel/rcu/srcutree.c',
  size: '2 readers, 2 updaters, 2 CPUs, sections may migrate',
  deep: true,
  *setup(): Task<Users> {
    return usersOf('real', 2);
  },
  threads: {
    *old(users: Users) {
      return yield* oldSection(users);
    },
    *new(users: Users) {
      return yield* newSection(users);
    },
    *updater(users: Users) {
      yield* update(users);
    },
    *second(users: Users) {
      return yield* secondUpdate(users);
    },
  },
  always: {
    'a section that began before the update is over before the update is': ({ results: { old } }) =>
      old[0] === 1 || old[2] === 0,
  },
  sometimes: {
    'the update ends although some section is inside all the time': ({ results }) =>
      results.old[0] === 0 && results.old[1] === 1 && results.new === 1,
  },
});

/** Users of a fresh domain. */
export function usersOf(level: SrcuLevel, cpus = 1): Users {
  const domain: Srcu = Client.alloc().srcu;
  domain.init(level, cpus);
  return { domain, marks: Marks.alloc(), cpus };
}
