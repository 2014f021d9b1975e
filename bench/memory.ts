import { readFileSync } from "node:fs";
import { descendants } from "../chaos/processes.ts";

const SAMPLE_EVERY_MS = 200;
const PAGE_BYTES = 4_096;

/** From now until the returned function is called: the most that all processes below the given ones held at one moment, in bytes. */
export function sampleMemory(pids: readonly number[]): () => number {
  let most = 0;
  const timer = setInterval(() => {
    const below = pids.flatMap((pid) => descendants(pid));
    most = Math.max(
      most,
      below.reduce((sum, { pid }) => sum + residentBytes(pid), 0),
    );
  }, SAMPLE_EVERY_MS);
  return () => {
    clearInterval(timer);
    return most;
  };
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
