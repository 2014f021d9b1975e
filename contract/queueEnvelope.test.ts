import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { demonstrate } from "../examples/queue/findings.ts";
import {
  QUEUE_LIMITS,
  type QueueEntry,
  type QueueRefusal,
  queueMessageSchema,
  queueReader,
  queueWriter,
} from "./queueEnvelope.ts";
import { namesSecret, secretShapeOf } from "./secretShape.ts";

const tenantId = "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11";
const workspaceId = "5f0c6a1e-93d4-4f5e-8a77-1f1f0c9f2d10";
const other = "11111111-1111-4111-8111-111111111111";
const now = () => new Date("2026-03-01T09:30:00Z");
const writer = queueWriter({ tenantId, workspaceId, newId: randomUUID, now });
const reader = queueReader({ tenantId });
const entry = (payload: QueueEntry["payload"], more: Partial<QueueEntry> = {}): QueueEntry => ({
  type: "finding.detected",
  version: 1,
  correlationId: "c-1",
  payload,
  ...more,
});

function refusal(work: () => unknown): Pick<QueueRefusal, "code" | "path" | "message"> | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as QueueRefusal;
  }
}

/** What JSON can say, without what is refused for looking like a secret. */
const harmless = fc
  .dictionary(
    fc.string({ maxLength: 20 }).filter((name) => name !== "__proto__"),
    fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme" }),
    { maxKeys: 6 },
  )
  .map((payload) => JSON.parse(JSON.stringify(payload)) as QueueEntry["payload"])
  .filter((payload) => refusal(() => writer.write(entry(payload)))?.code !== "secret")
  .filter((payload) => !JSON.stringify(payload).includes('"__proto__"'));

/** Made here from parts, so that no scanner takes this file for a leak. */
const secret = fc.oneof(
  fc.constantFrom(
    ["AK", "IAIOSFODNN7EXAMPLE"].join(""),
    ["-----BEGIN RSA PRI", "VATE KEY-----\nMIIE"].join(""),
    ["gh", "p_abcdefghijklmnopqrstuvwxyz0123456789"].join(""),
    ["xo", "xb-123456789012-abcdefghijkl"].join(""),
    ["sk-", "ant-api03-abcdefghijklmnopqrstuvwx"].join(""),
    ["ey", "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"].join(""),
    "postgres://admin:hunter2@db.internal:5432/acme",
    "Server=db;Password=hunter2",
    '{"user":"a","password":"hunter2"}',
  ),
  fc
    .uint8Array({ minLength: 12, maxLength: 12 })
    .map(() => `tk_abcdefghijkl_${randomBytes(32).toString("base64url")}`),
);

describe("a queue message", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(harmless, (payload) => {
        const read = reader.read(writer.write(entry(payload)));
        expect(read).toMatchObject({ tenantId, workspaceId, type: "finding.detected", correlationId: "c-1" });
        expect(read.payload).toEqual(payload);
        expect(read.occurredAt).toBe("2026-03-01T09:30:00.000Z");
      }),
      { numRuns: 300 },
    );
  });

  it("with a secret planted anywhere is refused by writer and reader, without repeating it", () => {
    fc.assert(
      fc.property(harmless, secret, fc.nat(), fc.boolean(), (payload, planted, where, inText) => {
        const value = inText ? `as agreed: ${planted} (keep it)` : planted;
        const poisoned = plant(payload, value, where);
        const clean = JSON.parse(writer.write(entry({}))) as object;
        for (const refused of [
          refusal(() => writer.write(entry(poisoned))),
          refusal(() => reader.read(JSON.stringify({ ...clean, payload: poisoned }))),
        ]) {
          expect(refused?.code).toBe("secret");
          expect(refused?.message).not.toContain(planted);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("of another tenant or workspace is refused by a reader that is bound, and not told of", () => {
    fc.assert(
      fc.property(fc.uuid({ version: 4 }), harmless, (foreign, payload) => {
        fc.pre(foreign !== tenantId);
        const text = queueWriter({ tenantId: foreign, workspaceId, newId: randomUUID, now }).write(
          entry(payload),
        );
        const refused = refusal(() => reader.read(text));
        expect(refused?.code).toBe("other_tenant");
        expect(refused?.message).not.toContain(foreign);
      }),
      { numRuns: 100 },
    );
    const bound = queueReader({ tenantId, workspaceIds: [other] });
    expect(refusal(() => bound.read(writer.write(entry({}))))?.code).toBe("other_workspace");
    expect(
      queueReader({ tenantId, workspaceIds: [workspaceId] }).read(writer.write(entry({}))),
    ).toBeDefined();
  });

  it("is refused whatever bytes come", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(refusal(() => reader.read(text))?.code).toMatch(
          /^(not_json|invalid|too_deep|other_tenant|secret)$/,
        );
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["tenantId", undefined],
    ["workspaceId", undefined],
    ["workspaceId", ""],
    ["messageId", "17"],
    ["type", "Finding"],
    ["type", "finding"],
    ["version", 0],
    ["occurredAt", "yesterday"],
    ["correlationId", "a b"],
    ["correlationId", ""],
    ["traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01"],
    ["formatVersion", 2],
    ["payload", undefined],
    ["payload", "text"],
    ["extra", 1],
  ])("with %s %j is refused there", (name, value) => {
    const message = { ...JSON.parse(writer.write(entry({}))), [name]: value };
    expect(refusal(() => reader.read(JSON.stringify(message)))).toMatchObject({
      code: "invalid",
      path: name,
    });
  });

  it.each([
    ["a password", { password: "hunter2" }, "payload.password"],
    ["a password that is a number", { login: { pwd: 1234 } }, "payload.login.pwd"],
    ["a password in a wrapping", { password: { value: "hunter2", algorithm: "none" } }, "payload.password"],
    ["one of several tokens", { items: [{}, { apiKey: ["x"] }] }, "payload.items.1.apiKey"],
    ["a secret as a name", { [["AK", "IAIOSFODNN7EXAMPLE"].join("")]: 1 }, "payload"],
  ])("with %s is refused at its place", (_name, payload, path) => {
    expect(refusal(() => writer.write(entry(payload as QueueEntry["payload"])))).toMatchObject({
      code: "secret",
      path,
    });
  });

  it.each([
    { secretArn: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tenants/acme/smtp" },
    { clientSecret: "/prod/tenants/acme/integrations/okta" },
    { tokens: 4096, maxTokens: "4096", nextToken: "abc", promptTokens: 12 },
    { secret: { value: "/prod/tenants/acme/smtp", version: "3" }, token: { kind: "opaque" } },
    { digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", apiKey: "" },
  ])("may say %j", (payload) => {
    expect(reader.read(writer.write(entry(payload as QueueEntry["payload"]))).payload).toEqual(payload);
  });

  it("has bounds: bytes, depth, and names that would not survive", () => {
    const large = { text: "word ".repeat(QUEUE_LIMITS.messageBytes / 5) };
    expect(refusal(() => writer.write(entry(large)))?.code).toBe("too_large");
    expect(refusal(() => reader.read(`"${"x".repeat(QUEUE_LIMITS.messageBytes)}"`))?.code).toBe("too_large");
    const nested = (depth: number): QueueEntry["payload"] => (depth === 0 ? {} : { a: nested(depth - 1) });
    expect(reader.read(writer.write(entry(nested(QUEUE_LIMITS.payloadDepth))))).toBeDefined();
    expect(refusal(() => writer.write(entry(nested(QUEUE_LIMITS.payloadDepth + 1))))?.code).toBe("too_deep");
    const clean = writer.write(entry({}));
    const deep = clean.replace('"payload":{}', `"payload":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`);
    expect(refusal(() => reader.read(deep))?.code).toBe("too_deep");
    const proto = clean.replace('"payload":{}', '"payload":{"__proto__":{"admin":true}}');
    expect(refusal(() => reader.read(proto))?.code).toBe("invalid");
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(refusal(() => writer.write(entry(circle as QueueEntry["payload"])))?.code).toBe("too_deep");
  });

  it("of a type or version that is not understood is refused by who says what it understands", () => {
    const picky = queueReader({ tenantId, accepts: { "finding.detected": [1, 2] } });
    expect(picky.read(writer.write(entry({}, { version: 2 }))).version).toBe(2);
    for (const strange of [{ version: 3 }, { type: "finding.closed" }, { type: "constructor.called" }])
      expect(refusal(() => picky.read(writer.write(entry({}, strange))))?.code).toBe("unknown_type");
  });

  it("is handled once by the example, which keeps what it refuses apart", () => {
    const { findings, deadLetters } = demonstrate();
    expect(findings).toEqual(["f-1", "f-2"]);
    expect(deadLetters.map(({ code }) => code)).toEqual(["other_tenant", "invalid"]);
  });

  it("has an example that is one", () => {
    const example = queueMessageSchema.meta()?.example;
    expect(reader.read(JSON.stringify(example))).toEqual(example);
  });
});

/** Into one of the places there are, or beside them. */
function plant(payload: QueueEntry["payload"], value: string, where: number): QueueEntry["payload"] {
  const copy = structuredClone(payload) as Record<string, unknown>;
  const holders: (Record<string, unknown> | unknown[])[] = [copy];
  for (const holder of holders)
    for (const member of Object.values(holder))
      if (typeof member === "object" && member !== null) holders.push(member as Record<string, unknown>);
  const holder = holders[where % holders.length] ?? copy;
  if (Array.isArray(holder)) holder.push(value);
  else holder.note = value;
  expect(secretShapeOf(value) ?? namesSecret(value)).toBeTruthy();
  return copy as QueueEntry["payload"];
}
