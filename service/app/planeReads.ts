import type { PlaneOutputs } from "../../stacks/plane/outputs.ts";

/** Reading a plane costs a CLI process; what was read this recently is believed. */
const planeFreshMs = 5_000;

/** Shares one reading of a plane among those who ask at the same time or shortly after. Failures are not kept. */
export interface PlaneReads {
  read(planeName: string, fetch: () => Promise<PlaneOutputs>): Promise<PlaneOutputs>;
}

export function createPlaneReads(now: () => number = Date.now): PlaneReads {
  const reads = new Map<string, { readonly at: number; readonly outputs: Promise<PlaneOutputs> }>();
  return {
    async read(planeName, fetch) {
      const known = reads.get(planeName);
      if (known !== undefined && now() - known.at < planeFreshMs) return known.outputs;
      const entry = { at: now(), outputs: fetch() };
      reads.set(planeName, entry);
      try {
        return await entry.outputs;
      } catch (thrown) {
        if (reads.get(planeName) === entry) reads.delete(planeName);
        throw thrown;
      }
    },
  };
}
