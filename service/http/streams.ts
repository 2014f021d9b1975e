import type { Response } from "express";
import { ProblemError } from "../../contract/errors.ts";
import { limits } from "../config/limits.ts";
import type { Metrics } from "../metrics.ts";

/** The open event streams of this service: counted, bounded, and ended when it stops. */
export interface Streams {
  admit(response: Response): void;
  endAll(): void;
}

export function createStreams(metrics: Metrics): Streams {
  const open = new Set<Response>();
  return {
    admit(response) {
      if (open.size >= limits.openStreams) {
        throw new ProblemError("busy", {
          detail: `Cannot open another event stream: at most ${limits.openStreams} may be open at once.`,
          hint: "Close streams that are no longer read, or poll the operation instead.",
        });
      }
      // Whoever has gone while the request was looked at would never close it again.
      if (response.closed) return;
      open.add(response);
      metrics.openStreams.set(open.size);
      response.on("close", () => {
        open.delete(response);
        metrics.openStreams.set(open.size);
      });
    },
    endAll() {
      for (const response of open) response.end();
    },
  };
}

/** Answers that cost much: at most so many at once. One that has ended, however it did, makes room. */
export function createPlaces(what: string, most: number): Pick<Streams, "admit"> {
  let taken = 0;
  return {
    admit(response) {
      if (taken >= most) {
        throw new ProblemError("busy", {
          detail: `Cannot make another of the ${what}: at most ${most} may be made at once.`,
          hint: "Try again when one of them is done.",
        });
      }
      if (response.closed) return;
      taken += 1;
      response.once("close", () => {
        taken -= 1;
      });
    },
  };
}
