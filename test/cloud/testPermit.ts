import type { Permit } from "../../service/cloud/permit.ts";

/** What is thrown by a permit that has ended; with a code, as errors that are passed on have one. */
export const endedPermit = Object.assign(new Error("the permit has ended"), { code: "permit_ended" });

export interface TestPermit {
  readonly permit: Permit;
  end(): void;
  /** As for a process that was frozen: no signal says so yet. */
  endSilently(): void;
}

export function testPermit(): TestPermit {
  const ended = new AbortController();
  let isOver = false;
  return {
    permit: {
      signal: ended.signal,
      check() {
        if (isOver) throw endedPermit;
      },
    },
    end() {
      isOver = true;
      ended.abort();
    },
    endSilently() {
      isOver = true;
    },
  };
}
