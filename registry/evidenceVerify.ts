import { createHash } from "node:crypto";
import type { AuditEvent } from "../contract/audit.ts";
import type { EvidenceManifest } from "../contract/evidence.ts";
import { type AuditLine, type LinesVerification, LinesVerifier } from "./auditLines.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { type PublicKey, type Signature, signatureProblem } from "./signature.ts";

/** Whether an evidence pack is what was signed. Pure: it needs the pack's files and the public keys. */
export const MANIFEST = "manifest.json";
export const SIGNATURE = "manifest.signature.json";
export const AUDIT = "audit.ndjson";

export interface EvidenceVerification {
  readonly verified: boolean;
  readonly manifest: EvidenceManifest | null;
  readonly problems: readonly string[];
  /** Of the audit events in it. */
  readonly audit: LinesVerification | null;
}

export function evidenceVerify(
  files: ReadonlyMap<string, Uint8Array>,
  keys: readonly PublicKey[],
): EvidenceVerification {
  const manifest = jsonOf<EvidenceManifest>(files.get(MANIFEST));
  const signature = jsonOf<Signature>(files.get(SIGNATURE));
  if (manifest?.kind !== "evidence_pack" || typeof signature?.signature !== "string")
    return { verified: false, manifest: null, problems: ["it is no evidence pack"], audit: null };
  const problems = [...manifestProblems(manifest, signature, keys), ...fileProblems(manifest, files)];
  const audit = auditOf(files.get(AUDIT), keys);
  for (const { chain, kind, message } of audit.breaks) problems.push(`${chain}: ${kind}: ${message}`);
  return { verified: problems.length === 0, manifest, problems, audit };
}

function manifestProblems(
  manifest: EvidenceManifest,
  signature: Signature,
  keys: readonly PublicKey[],
): string[] {
  const problem = signatureProblem(canonicalJson(manifest), signature, keys);
  return problem === undefined ? [] : [`the manifest: ${problem}`];
}

function fileProblems({ files }: EvidenceManifest, found: ReadonlyMap<string, Uint8Array>): string[] {
  const listed = new Set([MANIFEST, SIGNATURE, ...files.map(({ name }) => name)]);
  const unlisted = [...found.keys()].filter((name) => !listed.has(name));
  const changed = files.flatMap(({ name, sha256 }) => {
    const bytes = found.get(name);
    if (bytes === undefined) return [`${name} is missing`];
    const digest = createHash("sha256").update(bytes).digest("hex");
    return digest === sha256 ? [] : [`${name} is not what the manifest says`];
  });
  return [...changed, ...unlisted.map((name) => `${name} is not in the manifest`)];
}

function auditOf(bytes: Uint8Array | undefined, keys: readonly PublicKey[]): LinesVerification {
  const verifier = new LinesVerifier({ keys });
  for (const line of Buffer.from(bytes ?? [])
    .toString("utf8")
    .split("\n")) {
    const value = line === "" ? undefined : jsonOf<AuditEvent | AuditLine>(Buffer.from(line));
    if (value !== undefined) verifier.add(value);
  }
  return verifier.end();
}

function jsonOf<T>(bytes: Uint8Array | undefined): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}
