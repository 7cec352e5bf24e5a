/** How a thread of a round ends early. Each name is the kind of finding that it becomes. */

/** A wait that did not end in time: nobody woke this thread, or nobody will. */
export class Stuck extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'Stuck';
  }
}

/** A lock that is unlocked by a thread that does not hold it. */
export class BadUnlock extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'BadUnlock';
  }
}

/** A thread that ends with a lock in its hands. */
export class LeakedLock extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'LeakedLock';
  }
}

/** Another thread of the round failed, so this one stops waiting. Not a finding of its own; says what it waited for. */
export class RoundAborted extends Error {
  constructor(waiting: string) {
    super(waiting);
    this.name = 'RoundAborted';
  }
}

/** An operation that only the explorer can carry out. */
export class ExploredOnly extends Error {
  constructor(what: string) {
    super(
      `${what} exists under the explorer only: on threads build the system with the real level of srcu, remoteFlush, ` +
        "guestAccess and vcpuEntry, or declare the scenario 'exploredOnly'",
    );
    this.name = 'ExploredOnly';
  }
}
