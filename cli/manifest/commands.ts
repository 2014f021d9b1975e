import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ManifestResults } from "../../contract/manifest.ts";
import { itemsOf } from "../commands/apiCommand.ts";
import { argumentList, type CommandSpec, type Session, text } from "../commands/spec.ts";
import { EXIT } from "../exit.ts";
import { APPLY_OPTIONS, applyQuery, documentsOf, PATHS } from "./files.ts";
import { exitCodeOf, resultsText } from "./report.ts";

/**
 * A folder of YAML as the source of truth, from a terminal or a pipeline. Files are sent as they are; the service reads and
 * checks them, so that what it says here is what it says to everybody.
 */
const MANIFESTS = "/v1/control-plane/manifests";
/** A thousand manifests are checked and written in one request. */
const REQUEST_TIMEOUT_MS = 300_000;

export const manifestCommands: readonly CommandSpec[] = [
  {
    noun: "manifest",
    verb: "apply",
    summary: "Make manifests the records of their tenants; all are checked before the first is written",
    args: [PATHS],
    plainExit: true,
    options: APPLY_OPTIONS,
    async run(input, session) {
      const query = applyQuery(input);
      const key = text(input, "idempotency-key");
      tell(session, await send(session, "/apply", argumentList(input, "paths"), query, key));
      return EXIT.done;
    },
  },
  {
    noun: "manifest",
    verb: "diff",
    summary: "Say what applying manifests would change, field by field, and change nothing",
    description: "Exit code: 0 no difference, 2 differences, 1 it could not compare.",
    args: [PATHS],
    plainExit: true,
    options: [],
    async run(input, session) {
      const results = await send(session, "/diff", argumentList(input, "paths"), {});
      tell(session, results);
      return exitCodeOf(results);
    },
  },
  {
    noun: "manifest",
    verb: "export",
    summary: "Write tenants as manifests; all when none is named",
    args: [{ name: "slugs", description: "of tenants", required: false, many: true }],
    plainExit: true,
    options: [
      {
        name: "output",
        value: "folder",
        description: "one file a tenant in this folder instead of all to standard output",
      },
    ],
    async run(input, session) {
      const slugs = argumentList(input, "slugs");
      const found: Text[] = [];
      for (const slug of slugs) found.push(await one(session, slug));
      if (slugs.length === 0)
        for await (const item of itemsOf<Text>(session, { path: `${MANIFESTS}/tenants` })) found.push(item);
      const folder = text(input, "output");
      if (folder !== undefined) {
        mkdirSync(folder, { recursive: true });
        for (const { slug, text: manifest } of found) writeFileSync(join(folder, `${slug}.yaml`), manifest);
      }
      if (session.json) session.io.out(`${JSON.stringify({ items: found })}\n`);
      else if (folder === undefined)
        session.io.out(found.map(({ text: manifest }) => manifest).join("---\n"));
      return EXIT.done;
    },
  },
];

interface Text {
  readonly slug: string;
  readonly text: string;
}

function tell({ io, json }: Session, results: ManifestResults): void {
  io.out(json ? `${JSON.stringify(results)}\n` : resultsText(results));
}

async function send(
  session: Session,
  path: string,
  named: readonly string[],
  query: Readonly<Record<string, string>>,
  idempotencyKey?: string,
): Promise<ManifestResults> {
  const body = { documents: documentsOf(named) };
  const call = { method: "post", path: MANIFESTS + path, query, body };
  const answer = await session
    .client()
    .call<ManifestResults>({ ...call, idempotencyKey, timeoutMs: REQUEST_TIMEOUT_MS });
  return answer.body;
}

async function one(session: Session, slug: string): Promise<Text> {
  const path = `${MANIFESTS}/tenants/${encodeURIComponent(slug)}`;
  return { slug, text: (await session.client().call({ method: "get", path })).text };
}
