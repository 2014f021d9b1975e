import { unzipSync, zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCheckpoint } from "../../registry/auditKept.ts";
import { type LinesOptions, LinesVerifier } from "../../registry/auditLines.ts";
import { evidenceVerify } from "../../registry/evidenceVerify.ts";
import { readPolicySet } from "../../service/policy/policySet.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  run,
  startTestService,
  type TestService,
  waitFor,
} from "./harness.ts";

let service: TestService;
let tenantId: string;
beforeAll(async () => {
  service = await startTestService();
  await createRelease(service, "1.0.0");
  tenantId = await createTenant(service, "acme");
  await createTenant(service, "bolt");
  await run(service, `/tenants/${tenantId}/activate`);
});
afterAll(() => service.stop());

const get = (path: string) => service.call("GET", `${controlPlane}${path}`);
const post = (path: string, body: object = {}) => service.call("POST", `${controlPlane}${path}`, { body });

function verify(text: string, options: LinesOptions) {
  const verifier = new LinesVerifier(options);
  for (const line of text.split("\n")) if (line !== "") verifier.add(JSON.parse(line));
  return verifier.end();
}

describe("the audit trail", () => {
  it("says of each change why it was let through, and in the course of which request", async () => {
    const body = { displayName: "Acme Ltd" };
    const headers = { "x-correlation-id": "ticket-7" };
    const answer = await service.call("PATCH", `${controlPlane}/tenants/${tenantId}`, { body, headers });
    const requestId = answer.headers.get("x-request-id");
    const { items } = (await get(`/audit/events?requestId=${requestId}`)).body;
    expect(items).toEqual([
      expect.objectContaining({
        ...{ action: "tenant.updated", requestId, correlationId: "ticket-7", tenantId },
        details: expect.objectContaining({
          authorization: expect.objectContaining({ action: "tenantUpdate", role: "fleet_admin" }),
        }),
      }),
    ]);
    expect((await get("/audit/events?correlationId=ticket-7")).body.items).toEqual(items);
  });

  it("is searched by prefix, actor, target, outcome, time and words of the reason", async () => {
    await post(`/tenants/${tenantId}/suspend`, { reason: "unpaid invoice of March" });
    const actions = async (query: string) =>
      (await get(`/audit/events?${query}`)).body.items.map((event: { action: string }) => event.action);
    expect(await actions("text=invoice%20unpaid")).toContain("tenant.suspension_requested");
    expect(await actions(`actionPrefix=tenant.&targetId=${tenantId}&to=2020-01-01T00:00:00Z`)).toEqual([]);
    expect(
      new Set((await actions("actionPrefix=tenant.")).map((name: string) => name.split(".")[0])),
    ).toEqual(new Set(["tenant"]));
    expect((await get("/audit/events?outcome=perhaps")).status).toBe(422);
  });

  it("has a log of what was allowed, reads too, and not of what was denied", async () => {
    const { body: key } = await post("/api-keys", { name: "reader", role: "auditor" });
    const asReader = { key: key.secret };
    await service.call("GET", `${controlPlane}/tenants/${tenantId}`, asReader);
    await service.call("POST", `${controlPlane}/tenants/${tenantId}/suspend`, { ...asReader, body: {} });
    const found = await waitFor("the decision", async () => {
      const { body } = await get(`/audit/decisions?principalId=${key.keyId}`);
      return body.items.length > 0 ? body.items : undefined;
    });
    expect(found).toEqual([
      expect.objectContaining({
        action: "tenantGet",
        tenantId,
        role: "auditor",
        principal: { id: key.keyId, name: "reader" },
      }),
    ]);
    const { body } = await get("/audit/events?action=access.denied&limit=1");
    expect(body.items[0]).toMatchObject({ outcome: "denied", details: { action: "tenantSuspend" } });
  });
});

describe("checkpoints, exports and proofs", () => {
  it("are verified without the service", async () => {
    const taken = await post("/audit/checkpoints", { reason: "before the audit" });
    expect(taken).toMatchObject({ status: 201, body: { statement: { number: 1 }, exportable: true } });
    const { items: keys } = (await get("/signing-keys")).body;
    const kept = readCheckpoint((await get("/audit/checkpoints/1/export")).body);
    const options = { keys, checkpoints: [kept] };
    const whole = (await get("/audit/export")).body as string;
    expect(verify(whole, options)).toMatchObject({ verified: true, checkpoints: [1] });
    const lines = whole.split("\n");
    const place = lines.findIndex(
      (line) => line.includes(`"chain":"${tenantId}"`) && !line.includes('"line"'),
    );
    for (const broken of [
      lines.toSpliced(place, 1),
      lines.with(place, lines[place]?.replace("acme", "evil") ?? ""),
    ])
      expect(verify(broken.join("\n"), options).verified).toBe(false);

    const first = (await get(`/audit/export?chain=${tenantId}&limit=2`)).body as string;
    const { cursor } = JSON.parse(first.trim().split("\n").at(-1) ?? "");
    expect(verify(first, { keys }).verified).toBe(false);
    const rest = (await get(`/audit/export?chain=${tenantId}&cursor=${cursor}`)).body as string;
    expect(verify(first + rest, options)).toMatchObject({ verified: true, chains: 1 });

    const proof = (await get(`/tenants/${tenantId}/audit-proof`)).body as string;
    expect(verify(proof, { keys })).toMatchObject({ verified: true, checkpoints: [1] });
    expect((await get("/audit/checkpoints")).body.items).toHaveLength(1);
  });

  it("that are not there say so", async () => {
    expect(await get("/audit/checkpoints/99")).toMatchObject({
      status: 404,
      body: { code: "audit_checkpoint_not_found" },
    });
    expect(await get("/audit/export?chain=nobody")).toMatchObject({
      status: 404,
      body: { code: "audit_chain_not_found" },
    });
    expect(await get("/audit/export?cursor=odd")).toMatchObject({ status: 422 });
    const later = await createTenant(service, "later");
    expect(await get(`/tenants/${later}/audit-proof`)).toMatchObject({
      status: 409,
      body: { code: "audit_checkpoint_missing" },
    });
  });
});

describe("an evidence pack", () => {
  const period = () => {
    const to = new Date(Date.now() + 60_000).toISOString();
    return `from=2026-01-01T00:00:00Z&to=${to}`.replace(
      "2026-01-01",
      new Date(Date.now() - 86_400_000).toISOString().slice(0, 10),
    );
  };

  let auditor = "";
  beforeAll(async () => {
    auditor = (await post("/api-keys", { name: "auditor", role: "auditor" })).body.secret;
  });

  async function take(): Promise<Map<string, Uint8Array>> {
    const response = await fetch(`${service.url()}${controlPlane}/tenants/${tenantId}/evidence?${period()}`, {
      headers: { authorization: `Bearer ${auditor}` },
    });
    expect(response.headers.get("content-type")).toBe("application/zip");
    return new Map(Object.entries(unzipSync(new Uint8Array(await response.arrayBuffer()))));
  }

  it("holds what is on record, signed, and nothing of another tenant", async () => {
    const files = await take();
    const { items: keys } = (await get("/signing-keys")).body;
    const verification = evidenceVerify(files, keys);
    expect(verification.problems).toEqual([]);
    expect(verification).toMatchObject({ verified: true, manifest: { tenantId, slug: "acme" } });
    const counts = Object.fromEntries(
      verification.manifest?.files.map(({ name, records }) => [name, records]) ?? [],
    );
    expect(counts).toMatchObject({ "tenant.ndjson": 1, "placements.ndjson": 1, "releases.ndjson": 1 });
    const recordsOf = (name: string) =>
      Buffer.from(files.get(name) ?? [])
        .toString()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    // What a decision names is there to be read: its policies' text, and what the plan gave.
    const policies = recordsOf("policies.ndjson");
    const asked = recordsOf("audit.ndjson").filter(({ details }) => details?.authorization !== undefined);
    expect(asked.length).toBeGreaterThan(0);
    for (const { details } of asked)
      expect(policies.map(({ version }) => version)).toContain(details.authorization.policyVersion);
    expect(readPolicySet(policies[0].files).version).toBe(policies[0].version);
    expect(recordsOf("plans.ndjson")).toMatchObject([
      { plan: "starter", version: 1, quotas: { targets: 4 } },
    ]);
    for (const name of ["tenant-versions", "operations", "decisions", "entitlements"])
      expect(counts[`${name}.ndjson`]).toBeGreaterThan(0);
    const all = [...files.values()].map((bytes) => Buffer.from(bytes).toString()).join("");
    expect(all).not.toContain("bolt");
  });

  it("goes as far as the newest checkpoint, says so, and takes none", async () => {
    const checkpoints = async () => (await get("/audit/checkpoints")).body.items;
    const packed = async () => {
      const files = await take();
      const text = (name: string) => Buffer.from(files.get(name) ?? []).toString();
      return { audit: text("audit.ndjson"), manifest: JSON.parse(text("manifest.json")) };
    };
    const [newest] = await checkpoints();
    const { number, createdAt } = newest.statement;
    const { audit, manifest } = await packed();
    expect(manifest.checkpoint).toEqual({ number, createdAt });
    expect(audit).not.toContain("evidence.taken");
    expect(await checkpoints()).toHaveLength(1);
    await post("/audit/checkpoints");
    const later = await packed();
    expect(later.manifest.checkpoint.number).toBe(number + 1);
    expect(later.audit).toContain("evidence.taken");
  });

  it("is not genuine once any file of it is edited, gone, added, or signed by another key", async () => {
    const files = await take();
    const { items: keys } = (await get("/signing-keys")).body;
    const genuine = (changed: Map<string, Uint8Array>, trusted = keys) => {
      // As a person would: unpacked, changed, packed again.
      const again = unzipSync(zipSync(Object.fromEntries(changed)));
      return evidenceVerify(new Map(Object.entries(again)), trusted).verified;
    };
    expect(genuine(files)).toBe(true);
    for (const [name, bytes] of files) {
      const edited = Buffer.from(bytes)
        .toString()
        .replace(/\d(?=[^\d]*$)/, (digit) => String((Number(digit) + 1) % 10));
      expect([name, genuine(new Map([...files, [name, Buffer.from(`${edited} `)]]))]).toEqual([
        ...[name, name === "manifest.signature.json" && edited === Buffer.from(bytes).toString()],
      ]);
      expect([name, genuine(new Map([...files].filter(([other]) => other !== name)))]).toEqual([name, false]);
    }
    expect(genuine(new Map([...files, ["more.txt", Buffer.from("x")]]))).toBe(false);
    expect(genuine(files, [])).toBe(false);
  });

  it("is refused for a period that is none or too long", async () => {
    for (const query of [
      "from=2026-03-01T00:00:00Z&to=2026-02-01T00:00:00Z",
      "from=2020-03-01T00:00:00Z&to=2026-02-01T00:00:00Z",
      "from=yesterday&to=today",
    ])
      expect(await get(`/tenants/${tenantId}/evidence?${query}`)).toMatchObject({ status: 422 });
  });

  it("waits for a checkpoint that has signed the tenant's events", async () => {
    const unsigned = await createTenant(service, "unsigned");
    expect(await get(`/tenants/${unsigned}/evidence?${period()}`)).toMatchObject({
      status: 409,
      body: { code: "audit_checkpoint_missing" },
    });
  });
});

describe("retention", () => {
  it("is the settings' until a schedule is set, which is audited", async () => {
    const kept = async () =>
      Object.fromEntries(
        (await get("/retention")).body.items.map((one: { dataClass: string; keepDays: number | null }) => [
          ...[one.dataClass, one.keepDays],
        ]),
      );
    expect(await kept()).toMatchObject({ audit: null, decisions: 90, operations: 400, outbox: 90 });
    const body = { keepDays: 2_555, reason: "seven years" };
    const answer = await service.call("PUT", `${controlPlane}/retention/audit`, { body });
    expect(answer).toMatchObject({
      status: 200,
      body: { keepDays: 2_555, source: "schedule", reason: "seven years" },
    });
    expect(await kept()).toMatchObject({ audit: 2_555 });
    const { items } = (await get("/audit/events?action=retention.changed")).body;
    expect(items[0]).toMatchObject({ reason: "seven years", details: { before: null, after: 2_555 } });
    expect((await service.call("PUT", `${controlPlane}/retention/gossip`, { body })).status).toBe(422);
  });
});
