/**
 * How fast `explain` reads, in how much memory, and whether time grows in a straight line.
 * Bundle with esbuild, then run: node explain.mjs [megabytes...]
 */
import { Explainer } from '@faultline/lockdep';

interface Result {
  readonly megabytes: number;
  readonly seconds: number;
  /** Processor time, which other programs on the machine do not change. */
  readonly cpu: number;
  readonly rate: number;
  readonly memory: number;
}

const NOISE = [
  (n: number) =>
    `[${time(n)}] usb 1-1: New USB device found, idVendor=1d6b, idProduct=0002, bcdDevice= 6.${n % 90}`,
  (n: number) =>
    `[${time(n)}] audit: type=1400 audit(17000${n}:2): apparmor="STATUS" operation="profile_load" pid=${n % 32768}`,
  (n: number) =>
    `[${time(n)}][  T${n % 9000}] e1000e 0000:00:1f.6 eth0: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx`,
  (n: number) => `[${time(n)}] systemd[1]: Started Session ${n} of user root.`,
  (n: number) =>
    `Nov 20 23:26:${String(n % 60).padStart(2, '0')} host sshd[${n % 32768}]: Accepted publickey for root from 10.0.0.${n % 250}`,
];

const TRACE = (n: number) =>
  `       qemu-${1000 + (n % 8)}    [00${n % 8}] d..1. ${time(n).trim()}: kvm_tdp_mmu_spte_changed: as id 0 gfn ${(n % 4096).toString(16)} level 1 old_spte 0 new_spte 2c25e67`;

function time(n: number): string {
  return (n / 1000).toFixed(6).padStart(12);
}

/** Chunks of 256 KiB, the same text again and again in other numbers. */
function* text(megabytes: number, line: (n: number) => string): Generator<Buffer> {
  const block: string[] = [];
  let size = 0;
  for (let n = 1; size < 1 << 20; n++) {
    const l = line(n);
    block.push(l);
    size += l.length + 1;
  }
  const whole = Buffer.from(`${block.join('\n')}\n`);
  for (let i = 0; i < megabytes; i++) {
    for (let at = 0; at < whole.length; at += 1 << 18) yield whole.subarray(at, at + (1 << 18));
  }
}

function measure(megabytes: number, line: (n: number) => string): Result {
  const explainer = new Explainer();
  let memory = 0;
  const start = performance.now();
  const used = process.cpuUsage();
  for (const chunk of text(megabytes, line)) {
    explainer.push(chunk);
    memory = Math.max(memory, process.memoryUsage.rss());
  }
  explainer.end();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(used);
  const cpu = (user + system) / 1e6;
  return { megabytes, seconds, cpu, rate: megabytes / cpu, memory: memory / (1 << 20) };
}

const sizes = process.argv
  .slice(2)
  .map(Number)
  .filter((n) => n > 0);
const kinds: readonly [string, (n: number) => string][] = [
  ['noise', (n) => NOISE[n % NOISE.length]?.(n) ?? ''],
  ['trace', TRACE],
];
for (const [name, line] of kinds) {
  measure(5, line);
  const results = (sizes.length > 0 ? sizes : [10, 20, 50, 100]).map((mb) => measure(mb, line));
  for (const r of results) {
    process.stdout.write(
      `${name.padEnd(6)} ${String(r.megabytes).padStart(4)} MB  ${r.seconds.toFixed(2)} s (processor ${r.cpu.toFixed(2)} s)  ${r.rate.toFixed(0)} MB/s  ${r.memory.toFixed(0)} MB resident\n`,
    );
  }
  const first = results[0];
  const last = results[results.length - 1];
  if (first && last && first !== last) {
    const growth = last.cpu / first.cpu / (last.megabytes / first.megabytes);
    process.stdout.write(
      `${name.padEnd(6)} time per MB, ${last.megabytes} MB against ${first.megabytes} MB: ${growth.toFixed(2)} times\n`,
    );
  }
}
