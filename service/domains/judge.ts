import { DOMAIN_LIMITS, type Domain } from "../../contract/domain.ts";
import type { TxtAnswer } from "./txt.ts";

/** What a look at a domain's record means for it. Pure; `apply.ts` carries it out. */
export type Verdict =
  | { readonly kind: "verify" }
  /** Nothing becomes of it but what was seen. */
  | { readonly kind: "stay"; readonly problem: string | null; readonly nextCheckAt: string | null }
  | { readonly kind: "failing"; readonly problem: string; readonly nextCheckAt: string }
  | { readonly kind: "lapse" | "expire"; readonly problem: string };

export type Judged = Pick<Domain, "status" | "failingSince" | "createdAt" | "challenge" | "domain">;

/** `looks` is how often it was looked for in its present status. */
export function judge(domain: Judged, answer: TxtAnswer, looks: number, now: string): Verdict {
  const { status, challenge } = domain;
  if (answer.kind === "found" && answer.values.includes(challenge.value)) {
    const healthy = status === "verified" && domain.failingSince === null;
    return healthy
      ? { kind: "stay", problem: null, nextCheckAt: later(now, DOMAIN_LIMITS.verifyEveryMs) }
      : { kind: "verify" };
  }
  const problem = inWords(domain, answer);
  const soon = later(now, patience(looks));
  if (status === "verified") {
    // Only an answer counts against it: the DNS may be away for a week.
    if (answer.kind === "error") return { kind: "stay", problem, nextCheckAt: soon };
    if (domain.failingSince === null) return { kind: "failing", problem, nextCheckAt: soon };
    const over = now >= later(domain.failingSince, DOMAIN_LIMITS.graceMs);
    return over ? { kind: "lapse", problem } : { kind: "stay", problem, nextCheckAt: soon };
  }
  if (status !== "pending") return { kind: "stay", problem, nextCheckAt: null };
  const over = now >= later(domain.createdAt, DOMAIN_LIMITS.claimMs);
  return over ? { kind: "expire", problem } : { kind: "stay", problem, nextCheckAt: soon };
}

/** Doubles with each look, up to an hour. */
function patience(looks: number): number {
  return Math.min(DOMAIN_LIMITS.claimLookMs * 2 ** Math.min(looks, 20), DOMAIN_LIMITS.claimLookMaxMs);
}

export function later(at: string, ms: number): string {
  return new Date(Date.parse(at) + ms).toISOString();
}

const SHOWN_VALUES = 3;
const SHOWN_CHARS = 100;

export function inWords({ challenge }: Pick<Domain, "challenge">, answer: TxtAnswer): string {
  const { recordName } = challenge;
  if (answer.kind === "error") return `the DNS did not answer for ${recordName} (${answer.code})`;
  if (answer.kind === "none") return `there is no TXT record at ${recordName}`;
  const shown = answer.values
    .slice(0, SHOWN_VALUES)
    .map((value) => JSON.stringify(value.slice(0, SHOWN_CHARS)));
  return `the TXT records at ${recordName} say something else: ${shown.join(", ")}`;
}
