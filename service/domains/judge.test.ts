import { describe, expect, it } from "vitest";
import { DOMAIN_LIMITS, type DomainStatus } from "../../contract/domain.ts";
import { judge, later } from "./judge.ts";

const claimedAt = "2026-03-01T09:00:00.000Z";
const domain = (status: DomainStatus, failingSince: string | null = null) => ({
  ...{ status, failingSince, createdAt: claimedAt, domain: "acme.test" },
  challenge: { recordName: "_c.acme.test", recordType: "TXT" as const, value: "right" },
});
const found = (...values: string[]) => ({ kind: "found" as const, values });
const none = { kind: "none" as const };
const error = { kind: "error" as const, code: "ETIMEOUT" };

describe("a claim", () => {
  it("is verified by its value, among others, and by nothing like it", () => {
    expect(judge(domain("pending"), found("spf", "right"), 0, claimedAt)).toEqual({ kind: "verify" });
    for (const answer of [found("Right"), found("right "), found("rightmost"), found(), none, error]) {
      expect(judge(domain("pending"), answer, 0, claimedAt).kind).toBe("stay");
    }
  });

  it("is looked for less and less often, and given up after a week", () => {
    const waits = [0, 1, 2, 30].map((looks) => {
      const verdict = judge(domain("pending"), none, looks, claimedAt);
      return verdict.kind === "stay"
        ? Date.parse(verdict.nextCheckAt ?? "") - Date.parse(claimedAt)
        : verdict;
    });
    const { claimLookMs, claimLookMaxMs } = DOMAIN_LIMITS;
    expect(waits).toEqual([claimLookMs, claimLookMs * 2, claimLookMs * 4, claimLookMaxMs]);
    const late = later(claimedAt, DOMAIN_LIMITS.claimMs);
    expect(judge(domain("pending"), none, 9, late)).toMatchObject({ kind: "expire" });
    expect(judge(domain("pending"), found("right"), 9, late)).toEqual({ kind: "verify" });
  });
});

describe("a verified domain", () => {
  it("is looked for again a day later", () => {
    const nextCheckAt = later(claimedAt, DOMAIN_LIMITS.verifyEveryMs);
    const verdict = judge(domain("verified"), found("right"), 5, claimedAt);
    expect(verdict).toEqual({ kind: "stay", problem: null, nextCheckAt });
  });

  it("lapses when its record has been missing for as long as it may", () => {
    expect(judge(domain("verified"), none, 0, claimedAt)).toMatchObject({ kind: "failing" });
    const failing = domain("verified", claimedAt);
    const early = later(claimedAt, DOMAIN_LIMITS.graceMs - 1);
    expect(judge(failing, none, 0, early)).toMatchObject({ kind: "stay" });
    expect(judge(failing, none, 0, later(claimedAt, DOMAIN_LIMITS.graceMs))).toMatchObject({ kind: "lapse" });
    expect(judge(failing, found("right"), 0, early)).toEqual({ kind: "verify" });
  });

  it("is lost to no DNS that does not answer, however long", () => {
    const verdict = judge(domain("verified"), error, 0, later(claimedAt, 365 * 86_400_000));
    expect(verdict).toMatchObject({ kind: "stay", problem: expect.stringContaining("ETIMEOUT") });
  });
});

it.each(["lapsed", "expired"] as const)("one that is %s comes back by its record alone", (status) => {
  expect(judge(domain(status), found("right"), 0, claimedAt)).toEqual({ kind: "verify" });
  expect(judge(domain(status), none, 0, claimedAt)).toMatchObject({ kind: "stay", nextCheckAt: null });
});
