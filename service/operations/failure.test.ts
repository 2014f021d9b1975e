import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { EngineError } from "../engine/errors.ts";
import { describeFailure, lockOwnerIsGone } from "./failure.ts";
import { StepError } from "./saga.ts";

describe("describeFailure", () => {
  it("keeps code, words and resource of an engine error", () => {
    const resource = { urn: "urn:pulumi:a::b::c::d", resourceType: "c", logicalName: "d" };
    const error = new EngineError("provider_throttled", "Cannot create c: rate exceeded", { resource });
    expect(describeFailure(error)).toEqual({
      code: "provider_throttled",
      message: "Cannot create c: rate exceeded",
      retryable: true,
      resource: resource.urn,
    });
  });

  it("tells nothing of an error that is not ours", () => {
    const foreign = Object.assign(new Error("ENOENT: /home/me/secret"), { code: "ENOENT" });
    for (const thrown of [foreign, new TypeError("x is undefined"), "text", undefined]) {
      expect(describeFailure(thrown)).toMatchObject({ code: "internal", retryable: false });
      expect(describeFailure(thrown).message).not.toContain("secret");
    }
  });

  it("takes a step's word on trying again", () => {
    expect(describeFailure(new StepError("not_steady", "m", { retryable: true })).retryable).toBe(true);
  });
});

describe("lockOwnerIsGone", () => {
  const limits = { leaseMs: 60_000, killTimeMs: 20_000 };
  const nowMs = Date.parse("2026-05-01T12:00:00Z");
  const begun = "2026-05-01T11:50:00Z";
  const gone = (owner: string, since?: string, takenUpFrom: string | null = begun) => {
    const lock = { owner, ...(since !== undefined && { since }) };
    return lockOwnerIsGone(new EngineError("stack_locked", "locked", { lock }), limits, takenUpFrom, nowMs);
  };
  const noPid = 2 ** 22 + 1;

  it("is certain of a process of this host that is not there", () => {
    expect(gone(`me@${hostname()} (pid ${noPid})`)).toBe(true);
    expect(gone(`me@${hostname()} (pid ${process.pid})`)).toBe(false);
  });

  it("is not taken in by another process that has got the number since", () => {
    const longAgo = new Date(Date.now() - 365 * 86_400_000).toISOString();
    expect(gone(`me@${hostname()} (pid ${process.pid})`, longAgo)).toBe(true);
    expect(gone(`me@${hostname()} (pid ${process.pid})`, new Date().toISOString())).toBe(false);
  });

  it("believes it of another host when its lease and its kill time have passed since the lock", () => {
    expect(gone(`me@elsewhere.example (pid ${noPid})`, "2026-05-01T11:58:40Z")).toBe(true);
    expect(gone(`me@elsewhere.example (pid ${noPid})`, "2026-05-01T11:58:41Z")).toBe(false);
    expect(gone(`me@elsewhere.example (pid ${noPid})`)).toBe(false);
  });

  it("leaves a person's lock on another host alone, however old it is", () => {
    const person = `eve@laptop (pid ${noPid})`;
    expect(gone(person, "2026-05-01T11:55:00Z")).toBe(true);
    expect(gone(person, "2026-05-01T11:55:00Z", null)).toBe(false);
    expect(gone(person, "2026-05-01T11:40:00Z")).toBe(false);
    expect(gone(person, "2026-05-01T11:49:30Z")).toBe(true);
  });

  it("knows nothing of an owner without a number", () => {
    expect(gone("another update", "2020-01-01T00:00:00Z")).toBe(false);
    expect(lockOwnerIsGone(new Error("no lock"), limits, begun)).toBe(false);
  });
});
