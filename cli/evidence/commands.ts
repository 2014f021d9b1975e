import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { EVIDENCE_LIMITS, type EvidenceManifest } from "../../contract/evidence.ts";
import { readKeys } from "../../registry/auditKept.ts";
import { type EvidenceVerification, evidenceVerify } from "../../registry/evidenceVerify.ts";
import { argument, type CommandSpec, text } from "../commands/spec.ts";
import { tenantId } from "../commands/tenantIds.ts";
import { EXIT, Failure, usageFailure } from "../exit.ts";
import { harmless } from "../io.ts";

/** What is unpacked is held in memory: no more than a pack's twelve files, its manifest and the signature can have. */
const PACK_BYTES = 13 * EVIDENCE_LIMITS.fileBytes;
const PATIENCE_MS = 600_000;

export const evidenceCommands: readonly CommandSpec[] = [
  {
    noun: "evidence",
    verb: "take",
    summary: "Write a tenant's evidence pack of a period to a file",
    description: "A zip file with a signed manifest; that it was taken is audited.",
    args: [{ name: "tenant", description: "slug or id", required: true }],
    options: [
      { name: "from", value: "time", description: "not before this, such as 2026-01-01T00:00:00Z" },
      { name: "to", value: "time", description: "before this" },
      {
        name: "output",
        short: "o",
        value: "file",
        description: "where it goes; nothing there is written over",
      },
    ],
    noJson: true,
    async run(input, session) {
      const [from, to, output] = ["from", "to", "output"].map((name) => text(input, name));
      if (from === undefined || to === undefined || output === undefined)
        throw usageFailure("Cannot take evidence: --from, --to and --output must be given.");
      const id = await tenantId(session.client(), argument(input, "tenant"));
      const path = `/v1/control-plane/tenants/${id}/evidence`;
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const response = await session.client().open({ method: "get", path, query: { from, to } }, signal);
      const body = Readable.fromWeb(response.body as ReadableStream);
      await pipeline(body, createWriteStream(output, { flags: "wx" })).catch((cause: unknown) => {
        throw new Failure(EXIT.failed, `Cannot write ${output}: ${(cause as Error).message}.`, { cause });
      });
      return EXIT.done;
    },
  },
  {
    noun: "evidence",
    verb: "verify",
    summary: "Check an evidence pack, without the service",
    description:
      "Its files against the manifest, the manifest's signature, and the audit events against their checkpoint. Exit code: 0 genuine, 2 not.",
    args: [{ name: "file", description: "the zip file", required: true }],
    options: [
      {
        name: "keys",
        value: "file",
        description: "public keys that are trusted: PEM, or the JSON of `signing-key list`",
      },
    ],
    async run(input, { io, json }) {
      const keys = text(input, "keys");
      if (keys === undefined) throw usageFailure("Cannot verify: --keys must name a file with public keys.");
      const file = argument(input, "file");
      const trusted = await reading(keys, async () => readKeys(await readFile(keys, "utf8")));
      const verification = evidenceVerify(await reading(file, () => unpacked(file)), trusted);
      io.out(json ? `${JSON.stringify(verification)}\n` : told(verification));
      return verification.verified ? EXIT.done : EXIT.differences;
    },
  },
];

async function unpacked(file: string): Promise<Map<string, Uint8Array>> {
  const { unzipSync } = await import("fflate");
  let bytes = 0;
  const filter = ({ originalSize }: { originalSize: number }) => {
    bytes += originalSize;
    if (bytes > PACK_BYTES) throw new Error(`it must unpack to at most ${PACK_BYTES} bytes`);
    return true;
  };
  return new Map(Object.entries(unzipSync(await readFile(file), { filter })));
}

async function reading<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new Failure(EXIT.failed, `Cannot read ${file}: ${(cause as Error).message}.`, { cause });
  }
}

/** Where the period goes on after what the checkpoint has signed. */
function freshness({ checkpoint, to }: EvidenceManifest): string[] {
  // The file is a stranger's until it is verified.
  const signedAt = checkpoint?.createdAt ?? "";
  return signedAt >= to ? [] : [`audit events after ${signedAt} are not in it`];
}

function told({ verified, manifest, problems, audit }: EvidenceVerification): string {
  const of =
    manifest === null
      ? ""
      : ` of ${manifest.slug} (${manifest.tenantId}), ${manifest.from} to ${manifest.to}`;
  const files = (manifest?.files ?? []).map(
    ({ name, records, complete }) =>
      `  ${name}: ${records}${complete ? "" : ", and more that are not in it"}`,
  );
  const lines = [
    `${verified ? "genuine" : "not genuine"}: evidence${of}`,
    ...problems.map((problem) => `  ${problem}`),
    ...files,
    ...(audit === null ? [] : [`${audit.events} audit events, checkpoint ${audit.checkpoints.join(", ")}`]),
    ...(manifest === null ? [] : freshness(manifest)),
  ];
  return `${lines.map(harmless).join("\n")}\n`;
}
