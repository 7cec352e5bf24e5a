/** Error numbers of Linux on x86, as ioctls return them negated. @kernel errno include/uapi/asm-generic/errno-base.h */
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOTTY = 25;
export const ENOSPC = 28;
export const EOPNOTSUPP = 95;
export const ENOTCONN = 107;
/** The same number as EAGAIN. */
export const EWOULDBLOCK = EAGAIN;

const names: Readonly<Record<number, string>> = {
  [ENOENT]: 'ENOENT',
  [EINTR]: 'EINTR',
  [EIO]: 'EIO',
  [ENXIO]: 'ENXIO',
  [E2BIG]: 'E2BIG',
  [EBADF]: 'EBADF',
  [EAGAIN]: 'EAGAIN',
  [ENOMEM]: 'ENOMEM',
  [EFAULT]: 'EFAULT',
  [EBUSY]: 'EBUSY',
  [EEXIST]: 'EEXIST',
  [EINVAL]: 'EINVAL',
  [ENOTTY]: 'ENOTTY',
  [ENOSPC]: 'ENOSPC',
  [EOPNOTSUPP]: 'EOPNOTSUPP',
  [ENOTCONN]: 'ENOTCONN',
};

/** `-EEXIST` for -17; the number itself when it is no error. */
export function errnoName(result: number): string {
  return result < 0 ? `-${names[-result] ?? -result}` : `${result}`;
}
