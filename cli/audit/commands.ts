import { argument, type CommandSpec, type Session, text, texts } from "../commands/spec.ts";
import { EXIT } from "../exit.ts";
import { headOf, kept, told, verifyFile } from "./verify.ts";

const EXPORT = "/v1/control-plane/audit/export";
/** Events that are asked for at once. */
const EVENTS = "5000";

export const auditCommands: readonly CommandSpec[] = [
  {
    noun: "audit",
    verb: "export",
    summary: "Write chains of the audit trail, oldest first, one line each event",
    description:
      "What `tenantry audit verify` reads. The fleet's chain when none is named; a tenant's chain is its id, and `all` is every one.",
    args: [],
    noJson: true,
    options: [{ name: "chain", value: "chain", description: "`fleet`, a tenant's id, or `all`" }],
    async run(input, session) {
      for await (const lines of exported(session, text(input, "chain") ?? "fleet")) session.io.out(lines);
      return EXIT.done;
    },
  },
  {
    noun: "audit",
    verb: "verify",
    summary: "Check an export or a proof of the audit trail, without the service",
    description:
      "Each event's hash covers the event and the hash before it. Whoever can write the registry can rewrite all hashes of it: give a checkpoint that was kept outside, and the public keys as you know them. Exit code: 0 whole, 2 broken.",
    args: [{ name: "file", description: "an export or a proof; - for standard input", required: true }],
    options: [
      {
        name: "checkpoint",
        value: "file",
        many: true,
        description: "that was kept outside: from the anchor, or `audit checkpoint-export`; may be repeated",
      },
      {
        name: "keys",
        value: "file",
        description: "public keys that are trusted: PEM, or the JSON of `signing-key list`",
      },
      {
        name: "head",
        value: "sequence:hash",
        description: "the last event that must be in the chain, or one that later ones must follow",
      },
    ],
    async run(input, session) {
      const against = await kept(texts(input, "checkpoint"), text(input, "keys"));
      const verification = await verifyFile(argument(input, "file"), {
        ...against,
        head: headOf(text(input, "head")),
      });
      session.io.out(session.json ? `${JSON.stringify(verification)}\n` : told(verification));
      return verification.verified ? EXIT.done : EXIT.differences;
    },
  },
];

/** Asks again with the cursor of the last line until there is none. */
async function* exported(session: Session, chain: string): AsyncGenerator<string> {
  const client = session.client();
  let cursor: string | undefined;
  do {
    const query = { chain, limit: EVENTS, ...(cursor === undefined ? {} : { cursor }) };
    const { text: lines } = await client.call({ method: "get", path: EXPORT, query });
    const [, next] = /(?:^|\n)\{"line":"next","cursor":"([^"]+)"\}\n$/.exec(lines) ?? [];
    yield next === undefined ? lines : lines.slice(0, lines.lastIndexOf('{"line":"next"'));
    cursor = next;
  } while (cursor !== undefined);
}
