/** What the workers of one run and their host share besides the arena: a few words, and a mailbox a thread. */
import { TURN_WORDS } from '../platform/turns.ts';

/** Words of the control block. */
export const Word = {
  /** Set by the host: no round begins after the one under way. */
  STOP: 0,
  /** Set by a thread that failed: nobody waits on. The platform reads it as word 0 of `self.abort`. */
  ABORT: 1,
  /** Number of the round that is being prepared; -1 ends the run. Members sleep on it. */
  ROUND: 2,
  /** Members that stand at the start of the round. */
  READY: 3,
  /** Number of the round that may start. */
  GO: 4,
  /** Members that have ended the round. The leader sleeps on it. */
  ENDED: 5,
  /** For the host: rounds judged, distinct final states seen. */
  JUDGED: 6,
  STATES: 7,
  /** From here on: whose turn it is (turns.ts). */
  TURNS: 16,
} as const;

const WORDS = Word.TURNS + TURN_WORDS;

/** How a thread's round ended, in word 0 of its mailbox. */
export const Ended = { RUNNING: 0, WITH_NOTHING: 1, WITH_RESULT: 2, WITH_WARNINGS: 3, FAILED: 4 } as const;

const MAILBOX_BYTES = 64 * 1024;
const MAILBOX_HEADER = 8;

export interface Shared {
  readonly control: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
  readonly mailboxes: readonly SharedArrayBuffer[];
}

export function makeShared(threads: number, arenaBytes: number): Shared {
  return {
    control: new SharedArrayBuffer(WORDS * 4),
    arena: new SharedArrayBuffer(arenaBytes),
    mailboxes: Array.from({ length: threads }, () => new SharedArrayBuffer(MAILBOX_BYTES)),
  };
}

/** One thread's result of a round, as text. Written by that thread, read by the leader after it has ended. */
export class Mailbox {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder();

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer, 0, 2);
    this.bytes = new Uint8Array(buffer, MAILBOX_HEADER);
  }

  begin(): void {
    this.words[0] = Ended.RUNNING;
  }

  /** Throws if the text does not fit. */
  write(ended: number, text: string): void {
    const { read, written } = this.encoder.encodeInto(text, this.bytes);
    if (read < text.length) {
      throw new RangeError(
        `a thread's result takes at most ${MAILBOX_BYTES} bytes of JSON; this one is longer`,
      );
    }
    this.words[1] = written;
    this.words[0] = ended;
  }

  get ended(): number {
    return this.words[0] as number;
  }

  get text(): string {
    return this.decoder.decode(this.bytes.subarray(0, this.words[1]));
  }
}
