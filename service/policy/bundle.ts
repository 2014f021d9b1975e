import { createHash, createPublicKey } from "node:crypto";
import { z } from "zod";
import { canonicalJson } from "../../registry/canonicalJson.ts";
import { keyIdOf, signatureProblem } from "../../registry/signature.ts";
import { POLICY_LIMITS, type PolicyFile, PolicySetProblem, versionOf } from "./policySet.ts";

/**
 * Policies as one document: plain Cedar text, or a bundle in JSON that carries several files with their checksum and, if it is to be
 * proved who made it, a signature. `script/policies bundle` makes one.
 */
export const BUNDLE_FORMAT = "tenantry.policies/1";

const bundleSchema = z.strictObject({
  format: z.literal(BUNDLE_FORMAT),
  files: z.record(z.string().regex(/^[\w.-]{1,100}\.cedar$/), z.string()),
  /** SHA-256 of the canonical JSON of `files`, hex: the version of the set. */
  checksum: z.string().regex(/^[0-9a-f]{64}$/),
  keyId: z.string().optional(),
  signature: z.string().optional(),
});
export type PolicyBundle = z.output<typeof bundleSchema>;

export interface BundleExpectations {
  readonly publicKey: string | undefined;
  /** SHA-256 of the whole document, hex. */
  readonly pin: string | undefined;
  /** For a document that is plain text. */
  readonly name: string;
}

/** Throws a PolicySetProblem. */
export function bundleFiles(
  document: Buffer,
  { publicKey, pin, name }: BundleExpectations,
): readonly PolicyFile[] {
  const digest = createHash("sha256").update(document).digest("hex");
  if (pin !== undefined && digest !== pin)
    throw new PolicySetProblem([`the document's SHA-256 must be ${pin}, and is ${digest}`]);
  const text = document.toString("utf8");
  if (!text.trimStart().startsWith("{")) {
    if (publicKey === undefined) return [{ name, text }];
    throw new PolicySetProblem(["it must be a signed bundle, and is plain text"]);
  }
  const bundle = parsed(text);
  const files = Object.entries(bundle.files).map(([file, content]) => ({ name: file, text: content }));
  if (versionOf(files) !== bundle.checksum)
    throw new PolicySetProblem(["the bundle's checksum is not that of its files"]);
  if (publicKey !== undefined) requireSigned(bundle, publicKey);
  return files;
}

/** Of files that were read; signed where there is somebody to sign. */
export function bundleOf(files: readonly PolicyFile[], signer?: BundleSigner): PolicyBundle {
  const byName = Object.fromEntries(files.map(({ name, text }) => [name, text]));
  const bundle = { format: BUNDLE_FORMAT, files: byName, checksum: versionOf(files) } as const;
  if (signer === undefined) return bundle;
  return { ...bundle, keyId: signer.keyId, signature: signer.sign(signedText(bundle)) };
}

export interface BundleSigner {
  readonly keyId: string;
  sign(text: string): string;
}

/** What the signature is over: the checksum covers the files, the format keeps it from being taken for another document. */
export function signedText({ format, checksum }: Pick<PolicyBundle, "format" | "checksum">): string {
  return canonicalJson({ format, checksum });
}

function parsed(text: string): PolicyBundle {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PolicySetProblem([`the bundle is no JSON (${(cause as Error).message})`]);
  }
  const { success, data, error } = bundleSchema.safeParse(value);
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => `the bundle's ${path.join(".")}: ${message}`);
  throw new PolicySetProblem(problems.slice(0, POLICY_LIMITS.problemsShown));
}

function requireSigned({ keyId, signature, ...bundle }: PolicyBundle, publicKey: string): void {
  if (keyId === undefined || signature === undefined)
    throw new PolicySetProblem(["the bundle must be signed, and is not"]);
  const key = { keyId: keyIdOf(createPublicKey(publicKey)), publicKey };
  const problem = signatureProblem(signedText(bundle), { keyId, signature }, [key]);
  if (problem !== undefined) throw new PolicySetProblem([`the bundle's signature does not hold: ${problem}`]);
}
