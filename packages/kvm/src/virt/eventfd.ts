/** eventfd: a counter that the kernel raises and user space reads. A file descriptor of the model is its address. */
import {
  at,
  type Cell,
  cell32,
  guardedBy,
  irqsOff,
  kernelName,
  OBJECT_HEADER,
  ObjectState,
  type SpinLock,
  type StructType,
  spinlock,
  struct,
  structById,
  type Task,
  u8,
  u32,
  u32Field,
  type View,
} from '@faultline/machine';
import { EBADF, EINVAL } from '../errno.ts';

/** @kernel struct eventfd_ctx fs/eventfd.c */
export interface Eventfd extends View {
  readonly count: Cell<number>;
  /** One for the file, one for each user in the kernel. */
  readonly kref: Cell<number>;
  /** Descriptors, and who holds the file for a while. */
  readonly fileRefs: Cell<number>;
  /** Who is called for each event: the address of the first irqfd, 0 for none. */
  readonly wqhLock: SpinLock;
  waiter: number;
}

export const Eventfd: StructType<Eventfd> = struct(
  'eventfd_ctx',
  {
    count: cell32,
    kref: cell32,
    fileRefs: kernelName('file.f_count', cell32),
    wqhLock: kernelName('wqh.lock', irqsOff(spinlock)),
    waiter: guardedBy(kernelName('wqh.head', u32Field), 'ctx->wqh.lock'),
  },
  { as: 'ctx' },
);

/** @kernel eventfd fs/eventfd.c */
export function openEventfd(): Eventfd {
  const ctx = Eventfd.alloc();
  ctx.kref.poke(1);
  ctx.fileRefs.poke(1);
  return ctx;
}

/** The eventfd behind a descriptor, with a reference; -EBADF, or -EINVAL if it is another kind of file. @kernel eventfd_ctx_fdget fs/eventfd.c */
export function* eventfdCtxFdget(fd: number): Task<Eventfd | number> {
  if (fd <= OBJECT_HEADER || fd % 8 !== 0 || fd >= u8.length) return -EBADF;
  const header = u32[(fd - OBJECT_HEADER) >>> 2] as number;
  if (structById(header & 0xffff) === undefined || header >>> 16 !== ObjectState.LIVE) return -EBADF;
  if ((header & 0xffff) !== Eventfd.id) return -EINVAL;
  const ctx = Eventfd.at(fd);
  yield* ctx.kref.fetchAdd(1, at('io.get_eventfd'));
  return ctx;
}

/** @kernel eventfd_ctx_put fs/eventfd.c */
export function* eventfdCtxPut(ctx: Eventfd): Task {
  if ((yield* ctx.kref.fetchAdd(-1, at('io.put_eventfd'))) === 1) Eventfd.free(ctx);
}

/** Adds one to what a reader of the descriptor finds. @kernel eventfd_signal fs/eventfd.c */
export function* eventfdSignal(ctx: Eventfd): Task {
  yield* ctx.count.fetchAdd(1, at('io.count_event'));
}
