import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { EngineError } from "../engine/errors.ts";
import { describeFailure, lockOwnerIsDead } from "./failure.ts";
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

describe("lockOwnerIsDead", () => {
  const locked = (owner: string) => new EngineError("stack_locked", "locked", { lock: { owner } });

  it("is certain only of a missing process of this host", () => {
    expect(lockOwnerIsDead(locked(`me@${hostname()} (pid ${2 ** 22 + 1})`))).toBe(true);
    expect(lockOwnerIsDead(locked(`me@${hostname()} (pid ${process.pid})`))).toBe(false);
    expect(lockOwnerIsDead(locked(`me@elsewhere.example (pid ${2 ** 22 + 1})`))).toBe(false);
    expect(lockOwnerIsDead(locked("another update"))).toBe(false);
    expect(lockOwnerIsDead(new Error("no lock"))).toBe(false);
  });
});
