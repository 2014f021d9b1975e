import { describe, expect, it } from "vitest";
import { limits } from "../config/limits.ts";
import type { EngineEvent } from "../engine/engine.ts";
import { createProgress, type ProgressEntry } from "./progress.ts";

const created = (logicalName: string, status: "started" | "done" | "failed" = "done"): EngineEvent => ({
  type: "resource",
  op: "create",
  urn: `urn:pulumi:s::p::t::${logicalName}`,
  resourceType: "t",
  logicalName,
  status,
  at: "2026-01-01T00:00:00.000Z",
});

describe("createProgress", () => {
  it("writes one entry for a burst, names a bounded number and counts the rest", async () => {
    const entries: ProgressEntry[] = [];
    const progress = createProgress(async (entry) => void entries.push(entry));
    const burst = limits.progressPerFlush + 7;
    for (let index = 0; index < burst; index += 1) {
      progress.onEvent(created(`r${index}`, "started"));
      progress.onEvent(created(`r${index}`));
    }
    await progress.flush();
    expect(entries).toHaveLength(1);
    expect(entries[0]?.data.resources).toHaveLength(limits.progressPerFlush);
    expect(entries[0]).toMatchObject({
      message: `created ${limits.progressPerFlush}, 7 more`,
      data: { more: 7 },
    });
  });

  it("tells failures and warnings in words, and nothing of what stays the same", async () => {
    const entries: ProgressEntry[] = [];
    const progress = createProgress(async (entry) => void entries.push(entry));
    progress.onEvent({ ...created("same"), op: "same" } as EngineEvent);
    await progress.flush();
    expect(entries).toEqual([]);
    progress.onEvent(created("queue", "failed"));
    progress.onEvent({ type: "diagnostic", severity: "info", message: "noise", at: "" });
    progress.onEvent({ type: "diagnostic", severity: "error", message: "QuotaExceeded", at: "" });
    await progress.flush();
    expect(entries.map((entry) => entry.message)).toEqual(["could not create 1; QuotaExceeded"]);
  });

  it("goes on when an entry cannot be written", async () => {
    let tries = 0;
    const progress = createProgress(async () => {
      tries += 1;
      throw new Error("disk full");
    });
    for (const name of ["a", "b"]) {
      progress.onEvent(created(name));
      await progress.flush();
    }
    expect(tries).toBe(2);
  });
});
