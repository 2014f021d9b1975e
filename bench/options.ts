import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

/** The flags of a benchmark. What is wrong with them is one sentence and exit code 2. */
export function readFlags<const T extends ParseArgsOptionsConfig>(options: T) {
  try {
    return parseArgs({ options }).values;
  } catch (cause) {
    return refuse((cause as Error).message);
  }
}

const MOST = 100;

export function readCount(flag: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MOST) return count;
  return refuse(`--${flag} must be 1 to ${MOST}, got "${text}"`);
}

const LARGEST_FLEET = 10_000;

/** Such as 10,100,1000. */
export function readSizes(flag: string, text: string, largest = LARGEST_FLEET): readonly number[] {
  const sizes = text.split(",").map(Number);
  if (sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= largest)) return sizes;
  return refuse(`--${flag} must be numbers from 1 to ${largest} with commas between, got "${text}"`);
}

function refuse(why: string): never {
  process.stderr.write(`Cannot run the benchmark: ${why}. See script/bench --help.\n`);
  process.exit(2);
}
