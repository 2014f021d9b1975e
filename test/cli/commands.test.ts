import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SERVICE_NAMES } from "../../contract/vocabulary.ts";
import { EngineError } from "../../service/engine/errors.ts";
import { createRelease, plane, startTestService, type TestService } from "../service/harness.ts";
import { type Ended, emptyConfig, inProcess, quickCommandOf } from "./tenantry.ts";

let service: TestService;
let cli: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Ended>;

beforeAll(async () => {
  service = await startTestService();
  cli = quickCommandOf(service);
  await createRelease(service, "1.0.0");
});
afterAll(() => service.stop());

async function json(args: readonly string[]) {
  const { code, out, err } = await cli([...args, "--json"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out.endsWith("\n") && !out.slice(0, -1).includes("\n"), "one line of JSON").toBe(true);
  return JSON.parse(out);
}

const created = (slug: string) => [
  ...[
    "tenant",
    "create",
    "--slug",
    slug,
    "--display-name",
    `${slug} Ltd`,
    "--plan",
    "starter",
    "--plane",
    plane,
  ],
];

describe("tenants on the command line", () => {
  it("are created, found by slug, activated and followed to the end", async () => {
    expect(await json([...created("acme"), "--label", "tier=gold"])).toMatchObject({
      slug: "acme",
      status: "draft",
    });
    const listed = await cli(["tenant", "list"]);
    expect(listed.out).toMatch(/^slug +status +plan.*\nacme +draft +starter/);
    const { operations } = await json(["tenant", "activate", "acme", "--wait"]);
    expect(operations).toMatchObject([
      { kind: "tenant_activate", status: "succeeded", steps: expect.any(Array) },
    ]);
    expect(await json(["tenant", "get", "acme"])).toMatchObject({
      status: "active",
      labels: { tier: "gold" },
    });
    expect((await cli(["tenant", "health"])).out).toMatch(/acme +dev-eu-west-1 +active +ready +healthy/);
  });

  it("tell every event of an operation once and in order, as lines of JSON or of text", async () => {
    const watched = await cli(["tenant", "deploy", "acme", "--force", "--watch", "--json"]);
    const entries = watched.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_entry, index) => index + 1));
    expect(entries.at(-1)).toMatchObject({ type: "succeeded" });
    const again = await cli(["operation", "watch", entries[0].operationId]);
    expect(again.out.trim().split("\n")).toHaveLength(entries.length + 1);
    expect(again).toMatchObject({ code: 0, out: expect.stringMatching(/\nsucceeded deploy dev-eu-west-1 /) });
  });

  it("end with 1 and the reason when what they began did not succeed", async () => {
    service.world.failures.push(new EngineError("provider_failed", "the engine is in a bad mood"));
    const failed = await cli(["tenant", "deploy", "acme", "--force", "--wait"]);
    expect(failed.code).toBe(1);
    expect(failed.out).toMatch(/^failed deploy dev-eu-west-1/);
    expect(failed.out).toMatch(/ {2}step deploy, code /);
  });

  it("are stopped only after a yes, and destroyed only with the slug typed again", async () => {
    const asked = await cli(["tenant", "suspend", "acme"]);
    expect(asked).toMatchObject({ code: 64, out: "", err: expect.stringContaining("Add --yes") });
    expect(await json(["tenant", "get", "acme"])).toMatchObject({ status: "active" });
    const typed = await cli(["tenant", "decommission", "acme", "--reason", "the end", "--yes"]);
    expect(typed).toMatchObject({ code: 64, err: expect.stringContaining("--confirm") });
    const other = ["tenant", "decommission", "acme", "--confirm", "acmee", "--reason", "the end", "--yes"];
    expect(await cli(other)).toMatchObject({
      code: 1,
      err: expect.stringContaining("confirmation_mismatch"),
    });
  });

  it("take a body from a file, with options on top", async () => {
    const file = join(emptyConfig(), "globex.yaml");
    writeFileSync(file, `slug: globex\ndisplayName: From the file\nplan: starter\nplanes: [${plane}]\n`);
    const globex = await json(["tenant", "create", "-f", file, "--plan", "business"]);
    expect(globex).toMatchObject({ displayName: "From the file", plan: "business" });
    expect(await cli(["tenant", "create", "-f", `${file}x`])).toMatchObject({ code: 1 });
  });

  it("come page by page, or all at once", async () => {
    const page = await cli(["tenant", "list", "--limit", "1"]);
    expect(page.err).toContain("There is more: --all, or --cursor ");
    const all = await json(["tenant", "list", "--limit", "1", "--all"]);
    expect(all).toMatchObject({ items: [{ slug: "globex" }, { slug: "acme" }], nextCursor: null });
  });
});

describe("failures on the command line", () => {
  it("name the field, the hint, the code and the request", async () => {
    const taken = await cli(created("acme"));
    expect(taken).toMatchObject({ code: 1, out: "" });
    expect(taken.err).toMatch(/another tenant has acme/);
    expect(taken.err).toMatch(/code duplicate_slug, request [0-9a-f-]{36}/);
    const asJson = await cli([...created("acme"), "--json"]);
    expect(JSON.parse(asJson.err)).toMatchObject({ code: "duplicate_slug", status: 409 });
    expect(asJson.out).toBe("");
  });

  it("tell usage, denial and absence apart by the exit code", async () => {
    const cases = [
      [["tenant", "lst"], {}, 64, "Did you mean list?"],
      [["tennant", "list"], {}, 64, "Did you mean tenant?"],
      [["tenant", "list", "--limt", "3"], {}, 64, "Did you mean --limit?"],
      [["tenant", "list", "--status", "actve"], {}, 64, "did you mean active?"],
      [["tenant", "get"], {}, 64, "tenant"],
      [["tenant", "get", "nobody"], {}, 1, "no tenant has that slug"],
      [["operation", "get", "0b9f6c0e-5a0c-4b7e-9f59-0d6a1f6c2f11"], {}, 1, "operation_not_found"],
      [["tenant", "list"], { TENANTRY_API_KEY: "tk_wrong" }, 77, "API key"],
      [["tenant", "list"], { TENANTRY_API_KEY: "" }, 77, "TENANTRY_API_KEY must hold"],
      [["tenant", "list"], { TENANTRY_URL: "http://127.0.0.1:1" }, 69, "does not answer"],
      [["tenant", "list"], { TENANTRY_URL: "127.0.0.1" }, 64, "TENANTRY_URL must be a URL"],
      [["tenant", "list", "--profile", "nowhere"], {}, 64, "profile set nowhere"],
      [["tenant", "deploy", "acme", "--wait", "--timeout", "soon"], {}, 64, "such as 90s"],
    ] as const;
    for (const [args, env, code, words] of cases)
      expect(await cli(args, env), args.join(" ")).toMatchObject({
        code,
        err: expect.stringContaining(words),
      });
  });

  it("deny what the role of a key does not allow", async () => {
    const { secret } = await json(["api-key", "create", "--name", "reader", "--role", "auditor"]);
    const denied = await cli(created("denied"), { TENANTRY_API_KEY: secret });
    expect(denied).toMatchObject({ code: 77, err: expect.stringContaining("forbidden") });
    expect((await cli(["tenant", "list"], { TENANTRY_API_KEY: secret })).code).toBe(0);
  });
});

describe("the rest of the command line", () => {
  it("keeps a profile, and uses it", async () => {
    const env = { XDG_CONFIG_HOME: emptyConfig() };
    const set = [
      "profile",
      "set",
      "here",
      "--url",
      service.url(),
      "--key-command",
      `echo ${service.adminKey}`,
    ];
    expect(await inProcess(set, env)).toMatchObject({ code: 0, err: "" });
    expect((await inProcess(["tenant", "get", "acme"], env)).code).toBe(0);
    const listed = await inProcess(["profile", "list", "--json"], env);
    expect(JSON.parse(listed.out).items).toMatchObject([{ name: "here", current: true, key: "command" }]);
    expect(listed.out).not.toContain(service.adminKey);
    const moved = await inProcess(["profile", "set", "here", "--url", "https://elsewhere.example"], env);
    expect(moved).toMatchObject({ code: 64, err: expect.stringContaining("give the key") });
    expect((await inProcess(["profile", "remove", "here"], env)).code).toBe(0);
  });

  it("makes a release of images, and rolls it out as previewed", async () => {
    const images = SERVICE_NAMES.flatMap((name) => ["--image", `${name}=registry.example/${name}:2.0.0`]);
    expect(await json(["release", "create", ...images])).toMatchObject({ number: 2 });
    const described = await cli(["rollout", "create", "--release", "2", "--wave", "1", "--bake", "0s"]);
    expect(described.code).toBe(0);
    expect(described.out).toMatch(/Preview of 1 targets in 1 groups/);
    expect(described.out).toMatch(/1 tenant \(acme\): \d+ update/);
    const [, start = ""] = /Start it: tenantry (.+)/.exec(described.err) ?? [];
    expect(await json(["rollout", "list"])).toMatchObject({ items: [{ status: "previewed" }] });
    const done = await cli([...start.split(" "), "--wait"]);
    expect(done.out).toMatch(/succeeded, wave 1 of 1/);
    expect(done.code).toBe(0);
    expect((await cli(["tenant", "health"])).out).toMatch(/acme.* current +2 /);
  });

  it("ends with 1 when a rollout fails, and names tenant and reason", async () => {
    await createRelease(service, "3.0.0");
    service.world.failures.push(new EngineError("provider_failed", "no"));
    const halted = await cli(["rollout", "create", "--release", "3", "--yes", "--wait"]);
    expect(halted, halted.out).toMatchObject({ code: 1 });
    expect(halted.out).toMatch(/\nfailed, wave 1 of 1: 1 of 1 targets of wave 1 failed/);
    expect(halted.out).toMatch(/failed: acme on dev-eu-west-1, wave 1: /);
  });

  it("verifies an export of the audit trail, and finds what was edited, left out or cut off", async () => {
    const { out } = await cli(["audit", "export"]);
    const events = out.trim().split("\n");
    const file = join(emptyConfig(), "fleet.jsonl");
    const verify = async (lines: readonly string[], ...more: string[]) => {
      writeFileSync(file, `${lines.join("\n")}\n`);
      return cli(["audit", "verify", file, ...more]);
    };
    const whole = await verify(events);
    expect(whole).toMatchObject({ code: 0, out: expect.stringContaining("all verified") });
    const [, head = ""] = /fleet head: (\S+)/.exec(whole.out) ?? [];
    expect((await verify(events, "--head", head)).code).toBe(0);
    const edited = events.map((line) => line.replace("plane.recorded", "plane.removed"));
    const second = events.findIndex((line) => line.includes('"sequence":2,'));
    expect(await verify(edited)).toMatchObject({ code: 2, out: expect.stringContaining("edited") });
    expect(await verify(events.toSpliced(second, 1))).toMatchObject({
      code: 2,
      out: expect.stringContaining("missing"),
    });
    // The chain's head and the line that ends the export come last; whoever cuts the end off and knows it leaves the head out too.
    for (const lines of [1, 2, 3]) expect((await verify(events.slice(0, -lines))).code).toBe(2);
    const cut = events.toSpliced(-3, 2);
    expect((await verify(cut)).code).toBe(0);
    expect(await verify(cut, "--head", head)).toMatchObject({
      code: 2,
      out: expect.stringContaining("truncated"),
    });
    expect(await verify([])).toMatchObject({ code: 1, err: expect.stringContaining("there are none") });
    expect(await verify(["no event"])).toMatchObject({ code: 1, err: expect.stringContaining("line 1") });
  });

  it("holds the audit trail against a checkpoint that was kept, and takes evidence that verifies", async () => {
    const folder = emptyConfig();
    const at = (name: string) => join(folder, name);
    expect((await cli(["audit", "checkpoint", "--reason", "before the audit"])).code).toBe(0);
    writeFileSync(at("checkpoint"), (await cli(["audit", "checkpoint-export", "1"])).out);
    writeFileSync(at("keys"), (await cli(["signing-key", "list", "--json"])).out);
    const against = ["--checkpoint", at("checkpoint"), "--keys", at("keys")];
    const { out } = await cli(["audit", "export", "--chain", "all"]);
    writeFileSync(at("all"), out);
    expect(await cli(["audit", "verify", at("all"), ...against])).toMatchObject({
      code: 0,
      out: expect.stringContaining("held against checkpoint 1"),
    });
    const fleet = out
      .split("\n")
      .filter((line) => line.includes('"chain":"fleet"') && line.includes("eventId"));
    writeFileSync(at("cut"), out.replace(`${fleet.at(-1)}\n`, ""));
    expect((await cli(["audit", "verify", at("cut"), ...against])).code).toBe(2);

    const [from, to] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
    const period = ["--from", from.toISOString(), "--to", to.toISOString()];
    const [tenant] = (await json(["tenant", "list", "--limit", "1"])).items;
    const take = () => cli(["evidence", "take", tenant.tenantId, ...period, "-o", at("pack.zip")]);
    expect(await take()).toMatchObject({ code: 0, err: "" });
    expect((await take()).code).toBe(1);
    expect(await cli(["evidence", "verify", at("pack.zip"), "--keys", at("keys")])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^genuine: evidence of[\s\S]*audit events after \S+ are not in it\n$/),
    });
    expect((await cli(["evidence", "verify", at("all"), "--keys", at("keys")])).code).toBe(1);
  });

  it("sends any request", async () => {
    const { out, code } = await cli(["api", "GET", "/tenants?limit=1"]);
    expect({ code, items: JSON.parse(out).items.length }).toEqual({ code: 0, items: 1 });
    const body = '{"name":"by hand","role":"auditor"}';
    expect(JSON.parse((await cli(["api", "post", "/api-keys", "-d", body])).out)).toMatchObject({
      role: "auditor",
    });
    expect((await cli(["api", "GET", "/health"])).out).toContain('"ok"');
    expect(await cli(["api", "FETCH", "/health"])).toMatchObject({ code: 64 });
  });

  it("fits a table into the terminal, and colours only one that has colours", async () => {
    const env = { TENANTRY_URL: service.url(), TENANTRY_API_KEY: service.adminKey };
    const narrow = await inProcess(["operation", "list"], env, { columns: 80 });
    expect(Math.max(...narrow.out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    const coloured = await inProcess(["operation", "list"], env, { columns: 200, colour: true });
    expect(coloured.out).toContain("\u001b[32msucceeded");
  });
});
