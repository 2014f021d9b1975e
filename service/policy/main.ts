import { createPrivateKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createSigner } from "../signing/signer.ts";
import { bundleOf } from "./bundle.ts";
import { checkDigest, checkedBySchema, PolicySetProblem, readPolicySet } from "./policySet.ts";
import { schemaFile } from "./schema.ts";
import { policySource } from "./source.ts";

/** For who writes policies: checks them as the service would, makes a bundle of them, and prints what they may speak of. No service needed. */
const USAGE = `Usage: script/policies check  <folder>
       script/policies bundle <folder> [--signing-key <Ed25519 private key, PEM file>] > policies.json
       script/policies schema [--write]

check   exit 0 when the service would take the policies, 1 with what is wrong otherwise
bundle  one document for a URL, with checksum and, with a key, signature
schema  what policies may speak of; --write puts it into policies/tenantry.cedarschema and checks the policies there by it
`;

const POLICIES = fileURLToPath(new URL("../../policies", import.meta.url));
const SCHEMA_FILE = `${POLICIES}/tenantry.cedarschema`;
const KNOWN_FILE = fileURLToPath(new URL("./knownSet.ts", import.meta.url));

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { "signing-key": { type: "string" }, write: { type: "boolean", default: false } },
  });
  const [command, folder] = positionals;
  if (command === "schema") return await schema(values.write);
  if (folder === undefined || (command !== "check" && command !== "bundle")) {
    process.stderr.write(USAGE);
    return 2;
  }
  const files = (await policySource(folder).read()) ?? [];
  const { policies, version, warnings } = readPolicySet(files);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  if (command === "check") process.stdout.write(`${policies.size} policies, version ${version}\n`);
  else process.stdout.write(`${JSON.stringify(bundleOf(files, signerIn(values["signing-key"])), null, 2)}\n`);
  return 0;
}

function signerIn(file: string | undefined) {
  return file === undefined ? undefined : createSigner(createPrivateKey(readFileSync(file, "utf8")));
}

async function schema(isToWrite: boolean): Promise<number> {
  if (isToWrite) {
    writeFileSync(SCHEMA_FILE, schemaFile());
    await writeKnown();
  } else process.stdout.write(schemaFile());
  return 0;
}

/** A set with a warning is not written down: nobody would be warned any more. */
async function writeKnown(): Promise<void> {
  const set = readPolicySet((await policySource(POLICIES).read()) ?? []);
  const warnings = checkedBySchema(set);
  if (warnings.length > 0) throw new PolicySetProblem(warnings);
  const digest = checkDigest(set.version);
  const before = readFileSync(KNOWN_FILE, "utf8");
  writeFileSync(KNOWN_FILE, before.replace(/(KNOWN_SET =\s+)"[0-9a-f]*"/, `$1"${digest}"`));
}

main().then(
  (code) => process.exit(code),
  (thrown: unknown) => {
    const lines = thrown instanceof PolicySetProblem ? thrown.problems : [String(thrown)];
    process.stderr.write(`${lines.join("\n")}\n`);
    process.exit(1);
  },
);
