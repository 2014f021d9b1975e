import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SettingsError } from "../../service/config/settingsError.ts";
import { controlPlane, createTenant, dump, startTestService, type TestService } from "./harness.ts";

let service: TestService;
let starter: string;
let business: string;
beforeAll(async () => {
  service = await startTestService();
  starter = await createTenant(service, "small");
  business = await createTenant(service, "large", { plan: "business" });
});
afterAll(() => service.stop());

const of = (tenantId: string) => `${controlPlane}/tenants/${tenantId}/integrations`;
const slack = (name: string, more: object = {}) => ({
  ...{ connectorKey: "slack", name, secretRefs: { BOT_TOKEN: "/prod/tenants/acme/slack" } },
  ...more,
});
const salesforce = {
  connectorKey: "salesforce",
  name: "CRM",
  settings: { INSTANCE: "https://acme.my.salesforce.com", CLIENT_ID: "acme" },
  secretRefs: { CLIENT_SECRET: "/prod/tenants/acme/salesforce" },
};
const make = (tenantId: string, body: object) => service.call("POST", of(tenantId), { body });

describe("connectors", () => {
  it("are listed globally, by key, page by page and by category", async () => {
    const all: { connectorKey: string; capability: string; secretRefs: object[] }[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const { body } = await service.call("GET", `${controlPlane}/integrations?limit=4${query}`);
      all.push(...body.items);
      cursor = body.nextCursor;
    }
    const keys = all.map(({ connectorKey }) => connectorKey);
    expect(keys).toEqual([...new Set(keys)].sort());
    expect(keys).toContain("slack");
    const { body } = await service.call("GET", `${controlPlane}/integrations?category=llm`);
    expect(body.items.map(({ connectorKey }: { connectorKey: string }) => connectorKey)).toEqual([
      ...["anthropic", "azure-openai", "openai"],
    ]);
    const one = await service.call("GET", `${controlPlane}/integrations/slack`);
    expect(one.body).toMatchObject({ versions: ["2", "1"], capability: "connectors", status: "available" });
    expect((await service.call("GET", `${controlPlane}/integrations/none`)).body.code).toBe(
      "connector_not_found",
    );
  });

  it("ask for capabilities that some plan has", async () => {
    const known = new Set<string>();
    for (const plan of ["starter", "business", "enterprise"]) {
      const { body } = await service.call("GET", `${controlPlane}/plans/${plan}`);
      for (const key of Object.keys(body.spec?.features ?? body.features)) known.add(key);
    }
    const { body } = await service.call("GET", `${controlPlane}/integrations?limit=200`);
    for (const { connectorKey, capability } of body.items)
      expect(known.has(capability), connectorKey).toBe(true);
  });

  it("come from another file when one is named, and a bad file is refused at the start", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "tenantry-connectors-"));
    const file = path.join(folder, "own.yaml");
    writeFileSync(
      file,
      "connectors:\n  - {connectorKey: own, name: Own, description: ours, category: crm, versions: ['1'], capability: connectors, secretRefs: [], status: beta}\n",
    );
    const other = await startTestService(["--connector-catalog", file]);
    const { body } = await other.call("GET", `${controlPlane}/integrations`);
    expect(body.items.map(({ connectorKey }: { connectorKey: string }) => connectorKey)).toEqual(["own"]);
    await other.stop();
    writeFileSync(file, "connectors:\n  - {connectorKey: Own}\n");
    const bad = path.join(folder, "bad.yaml");
    writeFileSync(bad, "connectors:\n  - {connectorKey: Own}\n");
    await expect(startTestService(["--connector-catalog", bad])).rejects.toThrow(
      /connectors\.0\.connectorKey/,
    );
    writeFileSync(path.join(folder, "torn.yaml"), "connectors: [");
    for (const name of ["torn.yaml", "missing.yaml"]) {
      const started = startTestService(["--connector-catalog", path.join(folder, name)]);
      await expect(started, name).rejects.toThrow(SettingsError);
    }
  });
});

describe("an integration", () => {
  it("is made with the newest version, is tagged, changed, switched and removed", async () => {
    const made = await make(starter, slack("First"));
    expect(made.status).toBe(201);
    expect(made.headers.get("etag")).toMatch(/^"1-[0-9a-f]{8}"$/);
    expect(made.body).toMatchObject({ connectorVersion: "2", status: "enabled", entitled: true });
    const at = `${of(starter)}/${made.body.integrationId}`;
    const headers = { "if-match": made.headers.get("etag") ?? "" };
    const changed = await service.call("PATCH", at, {
      headers,
      body: { connectorVersion: "1", reason: "as before" },
    });
    expect(changed.body).toMatchObject({ connectorVersion: "1", recordVersion: 2 });
    expect((await service.call("PATCH", at, { headers, body: { name: "x" } })).body.code).toBe(
      "version_conflict",
    );
    expect((await service.call("POST", `${at}/disable`)).body).toMatchObject({
      status: "disabled",
      recordVersion: 3,
    });
    expect((await service.call("POST", `${at}/enable`)).body).toMatchObject({
      status: "enabled",
      recordVersion: 4,
    });
    expect((await service.call("GET", at)).headers.get("etag")).toMatch(/^"4-[0-9a-f]{8}"$/);
    expect((await service.call("DELETE", `${at}?reason=not%20used`)).body.recordVersion).toBe(4);
    expect((await service.call("GET", at)).body.code).toBe("integration_not_found");
  });

  it.each([
    ["a version that there is not", { connectorVersion: "9" }, "body.connectorVersion"],
    ["no reference to its secret", { secretRefs: {} }, "body.secretRefs.BOT_TOKEN"],
    ["a setting the connector does not know", { settings: { COLOUR: "red" } }, "body.settings.COLOUR"],
  ])("is refused with %s", async (_what, more, field) => {
    const { status, body } = await make(starter, slack("Wrong", more));
    expect(status).toBe(422);
    expect(body.errors.map(({ path: at }: { path: string }) => at)).toContain(field);
  });

  it("holds references, never a secret", async () => {
    const value = ["xo", "xb-123456789012-abcdefghijkl"].join("");
    const { body } = await make(starter, slack("Leak", { secretRefs: { BOT_TOKEN: value } }));
    expect(body.code).toBe("secret_value_refused");
    expect(JSON.stringify(body)).not.toContain(value);
    expect(await dump(service)).not.toContain(value);
  });

  it("is refused of a connector that is retired or not there", async () => {
    const hipchat = {
      connectorKey: "hipchat",
      name: "Old",
      secretRefs: { TOKEN: "/prod/tenants/acme/hipchat" },
    };
    expect((await make(starter, hipchat)).body.code).toBe("connector_retired");
    expect((await make(starter, slack("No", { connectorKey: "none" }))).body.code).toBe(
      "connector_not_found",
    );
  });

  it("asks for the connector's capability, and shows when that is lost", async () => {
    const refused = await make(starter, salesforce);
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({
      code: "not_entitled",
      detail: expect.stringContaining("premium-connectors"),
    });
    const denied = `${controlPlane}/audit/events?tenantId=${starter}&action=access.denied`;
    expect((await service.call("GET", denied)).body.items).toMatchObject([
      { outcome: "denied", details: { action: "integrationCreate", capability: "premium-connectors" } },
    ]);
    const made = await make(business, salesforce);
    expect(made.body).toMatchObject({ entitled: true });
    const at = `${of(business)}/${made.body.integrationId}`;
    const known = { "if-none-match": made.headers.get("etag") ?? "", "cache-control": "max-age=0" };
    expect((await service.call("GET", at, { headers: known })).status).toBe(304);
    const entitlements = `${controlPlane}/tenants/${business}/entitlements`;
    const override = { capabilityKey: "premium-connectors", enabled: false, reason: "unpaid" };
    expect((await service.call("POST", entitlements, { body: override })).status).toBe(200);
    const lost = await service.call("GET", at, { headers: known });
    expect(lost).toMatchObject({ status: 200, body: { entitled: false, status: "enabled" } });
    expect((await service.call("GET", of(business))).body.items[0]).toMatchObject({ entitled: false });
    expect((await service.call("POST", `${at}/disable`)).body.status).toBe("disabled");
    expect((await service.call("POST", `${at}/enable`)).body.code).toBe("not_entitled");
    expect((await service.call("DELETE", at)).status).toBe(200);
  });

  it("is not another tenant's, and not an auditor's to make", async () => {
    const made = await make(starter, slack("Mine"));
    const at = `${of(business)}/${made.body.integrationId}`;
    for (const [method, body] of [["GET"], ["PATCH", { name: "x" }], ["DELETE"]] as const)
      expect((await service.call(method, at, { body })).body.code).toBe("integration_not_found");
    const key = await service.call("POST", `${controlPlane}/api-keys`, {
      body: { name: "a", role: "auditor" },
    });
    const as = { key: key.body.secret as string };
    expect((await service.call("GET", of(starter), as)).status).toBe(200);
    expect((await service.call("POST", of(starter), { ...as, body: slack("Theirs") })).body.code).toBe(
      "forbidden",
    );
  });
});
