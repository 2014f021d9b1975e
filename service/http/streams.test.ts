import { EventEmitter } from "node:events";
import type { Response } from "express";
import { describe, expect, it } from "vitest";
import { ProblemError } from "../../contract/errors.ts";
import { limits } from "../config/limits.ts";
import { createMetrics } from "../metrics.ts";
import { createPlaces, createStreams } from "./streams.ts";

const response = () => Object.assign(new EventEmitter(), { end() {} }) as unknown as Response;

describe("createStreams", () => {
  it("admits a bounded number and takes the next when one has closed", () => {
    const streams = createStreams(createMetrics());
    const open = Array.from({ length: limits.openStreams }, response);
    for (const one of open) streams.admit(one);
    expect(() => streams.admit(response())).toThrow(ProblemError);
    open[0]?.emit("close");
    streams.admit(Object.assign(response(), { closed: true }));
    expect(() => streams.admit(response())).not.toThrow();
  });

  it("ends all of them when the service stops", () => {
    const streams = createStreams(createMetrics());
    let ended = 0;
    for (let index = 0; index < 3; index += 1) {
      streams.admit(
        Object.assign(response(), {
          end: () => {
            ended += 1;
          },
        }) as unknown as Response,
      );
    }
    streams.endAll();
    expect(ended).toBe(3);
  });
});

describe("createPlaces", () => {
  it("admits so many, and another when one has ended", () => {
    const places = createPlaces("packs", 2);
    const open = [response(), response()];
    for (const one of open) places.admit(one);
    expect(() => places.admit(response())).toThrow("at most 2 may be made at once");
    open[0]?.emit("close");
    places.admit(Object.assign(response(), { closed: true }));
    places.admit(response());
    expect(() => places.admit(response())).toThrow(ProblemError);
  });
});
