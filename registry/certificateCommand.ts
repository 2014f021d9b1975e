import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { type CertifiedTarget, signingKeySchema } from "../contract/decommission.ts";
import { type CertificateVerification, certificateVerify } from "./certificateVerify.ts";
import { keyIdOf, type PublicKey } from "./signature.ts";

/**
 * `script/certificate verify FILE --keys KEYS [--json]`: is a deletion certificate genuine? KEYS is the answer of
 * GET /v1/control-plane/signing-keys, or one public key as PEM. Exits 0 when it is, 2 when it is not, 1 when it cannot be
 * told. Needs no service.
 */
const usage = "script/certificate verify FILE --keys KEYS [--json]";

function readArguments(args: string[]): { file: string; keys: string; json: boolean } {
  const options = { json: { type: "boolean", default: false }, keys: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
  const [verb, file, ...more] = positionals;
  if (verb !== "verify" || file === undefined || more.length > 0) {
    throw new Error(`the arguments must be \`verify FILE\`, got \`${positionals.join(" ")}\``);
  }
  if (values.keys === undefined) {
    throw new Error("--keys must name a file with the public keys, got none");
  }
  return { file, keys: values.keys, json: values.json };
}

function readKeys(file: string): PublicKey[] {
  const text = readFileSync(file, "utf8");
  if (text.trimStart().startsWith("-----BEGIN"))
    return [{ keyId: keyIdOf(createPublicKey(text)), publicKey: text }];
  return z.object({ items: z.array(signingKeySchema) }).parse(JSON.parse(text)).items;
}

function describe(answer: CertificateVerification): string {
  if (!answer.verified) return `not genuine: ${answer.reason}`;
  const { certificate, keyId } = answer;
  const archives = certificate.archives.map(({ archiveId, state, retainUntil }) =>
    state === "deleted"
      ? `  archive ${archiveId}: deleted`
      : `  archive ${archiveId}: retained until ${retainUntil}`,
  );
  const targets = certificate.targets.flatMap(describeTarget);
  return [
    `genuine: tenant ${certificate.slug} (${certificate.tenantId}) was deleted at ${certificate.deletedAt}`,
    ...targets,
    ...archives,
    `signed with key ${keyId}`,
  ].join("\n");
}

function describeTarget({
  planeName,
  resourcesDeleted,
  database,
  objectsDeleted,
  scheduledForDeletion,
  resources = [],
  resourcesUnlisted = 0,
}: CertifiedTarget): string[] {
  return [
    `  ${planeName}: ${resourcesDeleted} resources and ${objectsDeleted} objects deleted, database ${database}, ` +
      `${scheduledForDeletion.length} more scheduled for deletion`,
    ...resources.map(({ type, name }) => `    ${type} ${name}`),
    ...(resourcesUnlisted === 0 ? [] : [`    and ${resourcesUnlisted} more that are not named`]),
    ...scheduledForDeletion.map(
      ({ type, arn, deletionAt }) => `    ${type} ${arn}: ${deletionAt ?? "later"}`,
    ),
  ];
}

function jsonIn(file: string, what: string): unknown {
  return telling(file, what, () => JSON.parse(readFileSync(file, "utf8")) as unknown);
}

function telling<T>(file: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${file} must be ${what}: ${(cause as Error).message}`, { cause });
  }
}

function verify({ file, keys, json }: ReturnType<typeof readArguments>): void {
  const certificate = jsonIn(file, "a deletion certificate");
  const known = telling(keys, "the answer of GET /v1/control-plane/signing-keys, or a key as PEM", () =>
    readKeys(keys),
  );
  const answer = certificateVerify(certificate, known);
  console.log(json ? JSON.stringify(answer) : describe(answer));
  process.exitCode = answer.verified ? 0 : 2;
}

if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
  console.log(`Usage: ${usage}`);
  process.exit(0);
}
try {
  verify(readArguments(process.argv.slice(2)));
} catch (error) {
  console.error(`Cannot verify: ${error instanceof Error ? error.message : String(error)}\nUsage: ${usage}`);
  process.exitCode = 1;
}
