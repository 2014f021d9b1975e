import { randomFillSync } from "node:crypto";

/**
 * UUIDs of version 7 that grow with each call in this process: rows of one millisecond then sort by id in the order they
 * were written. Tenant ids are not made here: they are random, so that no part of one can be guessed from another.
 */
let lastMs = 0;
let counter = 0;
const COUNTER_MAX = 0xfff;
const RANDOM_BYTES = 8;
/** Asked of the system in one go for some hundreds of ids: most of what an id costs is the asking. */
const random = Buffer.alloc(RANDOM_BYTES * 512);
let used = random.length;

export function newId(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    counter = 0;
  } else if (counter === COUNTER_MAX) {
    lastMs += 1;
    counter = 0;
  } else {
    counter += 1;
  }
  const time = lastMs.toString(16).padStart(12, "0");
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  // The two high bits say "RFC 9562".
  random[used] = ((random[used] ?? 0) & 0x3f) | 0x80;
  const tail = random.toString("hex", used, used + RANDOM_BYTES);
  used += RANDOM_BYTES;
  const count = counter.toString(16).padStart(3, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}
