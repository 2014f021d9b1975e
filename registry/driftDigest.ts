import { createHash } from "node:crypto";
import type { DriftFinding } from "../contract/drift.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { redact } from "./redact.ts";

type Seen = Pick<DriftFinding, "urn" | "kind"> & {
  readonly properties: readonly {
    readonly path: string;
    readonly recorded?: unknown;
    readonly actual?: unknown;
  }[];
};

/** What a repair puts right: differences between a stack's state and the cloud. The rest it neither sees nor mends. */
export function isRepairable({ kind }: Pick<DriftFinding, "kind">): boolean {
  return kind === "changed" || kind === "deleted";
}

/**
 * SHA-256 (hex) of what differs of one target, whoever looked and in whatever order: what a repair may be bound to. Taken over what is
 * stored, so a secret counts only as differing.
 */
export function driftFindingsDigest(findings: readonly Seen[]): string {
  const seen = findings.filter(isRepairable).map(({ urn, kind, properties }) => ({
    ...{ urn, kind },
    properties: redact(
      properties.map(({ path, recorded, actual }) => ({
        ...{ path, recorded: recorded ?? null, actual: actual ?? null },
      })),
    )
      .map((property) => canonicalJson(property))
      .sort(),
  }));
  return sha256(seen.map((one) => canonicalJson(one)).sort());
}

/** The same over several targets: what a wave of repairs is bound to. */
export function driftTargetsDigest(
  targets: readonly { readonly targetId: string; readonly digest: string }[],
): string {
  return sha256(targets.map(({ targetId, digest }) => `${targetId} ${digest}`).sort());
}

function sha256(lines: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(lines)).digest("hex");
}
