import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createRelease, createTenant, run, startTestService, type TestService } from "../service/harness.ts";
import { commandOf, emptyConfig, quickCommandOf, tenantry } from "./tenantry.ts";

const execute = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

describe("tenantry as a process", () => {
  let service: TestService;
  let tenantId: string;

  beforeAll(async () => {
    service = await startTestService();
    await createRelease(service, "1.0.0");
    tenantId = await createTenant(service, "acme");
    await run(service, `/tenants/${tenantId}/activate`);
  });
  afterAll(() => service.stop());

  it("runs from its packed tarball, without a registry and below node_modules", async () => {
    const folder = emptyConfig();
    await execute(join(root, "script/pack"), [folder]);
    const [tarball = ""] = readdirSync(folder);
    const npm = async (...args: string[]) => (await execute("npm", args, { cwd: folder })).stdout;
    await npm("install", "--offline", "--no-audit", "--no-fund", `./${tarball}`);
    expect(readdirSync(join(folder, "node_modules"))).toEqual(expect.arrayContaining(["tenantry"]));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect((await npm("exec", "--no", "--", "tenantry", "--version")).trim()).toBe(version);
    const program = join(folder, "node_modules/tenantry/bin/tenantry.mjs");
    const env = { TENANTRY_URL: service.url(), TENANTRY_API_KEY: service.adminKey };
    const scan = await tenantry(["drift", "scan", "--report", "sarif"], { program, env });
    expect(scan).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(scan.out).version).toBe("2.1.0");
    const rollouts = await tenantry(["rollout", "watch", "none"], { program, env });
    expect(rollouts).toMatchObject({ code: 1, err: expect.stringContaining("rollout") });
  });

  it("prints nothing but the answer on standard output, and ends when nobody reads it", async () => {
    const cli = commandOf(service);
    expect(await cli(["tenant", "list", "--json"])).toMatchObject({
      ...{ code: 0, err: "" },
      out: expect.stringMatching(/^\{.*\}\n$/),
    });
    const shell = `"${process.execPath}" "${join(root, "bin/tenantry.mjs")}" tenant list | true`;
    const env = { ...process.env, TENANTRY_URL: service.url(), TENANTRY_API_KEY: service.adminKey };
    expect(await execute("sh", ["-c", shell], { env })).toEqual({ stdout: "", stderr: "" });
  });

  it("waits on while the service is away, and says what became of the operation", async () => {
    const { operations } = (
      await service.call("POST", `/v1/control-plane/tenants/${tenantId}/deploy`, { body: { force: true } })
    ).body;
    // The same address before and after, as a service behind a load balancer has it.
    const door = await startDoor(() => service.url());
    const watch = quickCommandOf(service)(["operation", "watch", operations[0].operationId, "--json"], {
      TENANTRY_URL: door.url,
    });
    door.shut();
    await service.restart();
    door.open();
    const { code, out } = await watch;
    const sequences = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).sequence);
    expect(sequences).toEqual(sequences.map((_sequence, index) => index + 1));
    expect(code).toBe(0);
    door.close();
  });
});

/** Passes requests on, or drops every connection while it is shut. */
async function startDoor(to: () => string) {
  let isOpen = true;
  const held = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    held.add(response);
    response.on("close", () => held.delete(response));
    if (isOpen) void pass(request, response);
    else response.destroy();
  });
  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { authorization = "", "last-event-id": after } = request.headers;
      const headers = { authorization, ...(after === undefined ? {} : { "last-event-id": String(after) }) };
      const answer = await fetch(new URL(request.url ?? "/", to()), { headers });
      response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
      for await (const chunk of answer.body ?? []) response.write(chunk);
      response.end();
    } catch {
      response.destroy();
    }
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    shut() {
      isOpen = false;
      for (const response of held) response.destroy();
    },
    open: () => {
      isOpen = true;
    },
    close: () => server.closeAllConnections() ?? server.close(),
  };
}

describe("requests of the client", () => {
  interface Seen {
    readonly key: string | undefined;
    readonly body: string;
  }
  async function flaky(
    answers: readonly { status: number; headers?: Record<string, string>; body: object }[],
  ) {
    const seen: Seen[] = [];
    const server = createServer(async (request, response) => {
      const { headers } = request;
      let body = "";
      for await (const chunk of request) body += chunk;
      const answer = answers[Math.min(seen.length, answers.length - 1)];
      seen.push({ key: headers["idempotency-key"] as string | undefined, body });
      const type = (answer?.status ?? 500) >= 400 ? "application/problem+json" : "application/json";
      response.writeHead(answer?.status ?? 500, { "content-type": type, ...answer?.headers });
      response.end(JSON.stringify(answer?.body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { inProcess } = await import("./tenantry.ts");
    const env = { TENANTRY_URL: `http://127.0.0.1:${port}`, TENANTRY_API_KEY: "tk_x" };
    const ended = await inProcess(["api-key", "create", "--name", "ci", "--role", "auditor"], env);
    server.closeAllConnections();
    server.close();
    return { ended, seen };
  }
  const problem = (code: string, status: number) => ({
    ...{ type: "x", title: "x", status, detail: `It is ${code}.`, code, errors: [] },
  });

  it("are tried again with the same key and body while the service is busy", async () => {
    const busy = { status: 503, headers: { "retry-after": "0" }, body: problem("busy", 503) };
    const limited = { status: 429, body: problem("rate_limited", 429) };
    const under = { status: 409, body: problem("idempotency_in_progress", 409) };
    const { ended, seen } = await flaky([busy, limited, under, { status: 201, body: { keyId: "abc" } }]);
    expect(ended).toMatchObject({ code: 0, out: "keyId: abc\n" });
    expect(seen).toHaveLength(4);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
    expect(seen[0]?.key).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(seen.map(({ body }) => body)).size).toBe(1);
  });

  it("are not tried again when they were refused, nor for longer than a minute", async () => {
    const refused = await flaky([{ status: 422, body: problem("invalid_request", 422) }]);
    expect(refused).toMatchObject({ ended: { code: 1 }, seen: { length: 1 } });
    const long = { status: 503, headers: { "retry-after": "3600" }, body: problem("not_ready", 503) };
    expect(await flaky([long])).toMatchObject({ ended: { code: 69 }, seen: { length: 1 } });
  });

  it("take no other server for the service", async () => {
    const html = { status: 200, headers: { "content-type": "text/html" }, body: {} };
    const { ended } = await flaky([html]);
    expect(ended).toMatchObject({ code: 69, err: expect.stringContaining("not as Tenantry does") });
  });
});

describe("the pipelines of examples/ci", () => {
  const file = (name: string) => parse(readFileSync(join(root, "examples/ci", name), "utf8"));
  const commandsOf = (lines: readonly string[]) => lines.filter((line) => line.startsWith("tenantry "));
  const understood = async (line: string) => {
    const args = line
      .replace('"$FAIL_ON"', "any")
      .split(" ")
      .slice(1)
      .map((word) => (word === "reports" ? join(emptyConfig(), "reports") : word));
    const { inProcess } = await import("./tenantry.ts");
    return inProcess(args, { TENANTRY_URL: "http://127.0.0.1:1", TENANTRY_API_KEY: "tk_x" });
  };

  it("run commands that the client understands, on a Node that it runs on", async () => {
    const github = file("github-actions.yml");
    const steps: { run?: string; uses?: string; with?: Record<string, unknown> }[] = github.jobs.drift.steps;
    const gitlab = file("gitlab-ci.yml");
    const lines = [...steps.flatMap(({ run }) => run ?? []), ...(gitlab.drift.script as string[])];
    const commands = commandsOf(lines);
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      // Understood, and then nobody answers.
      expect(await understood(command)).toMatchObject({
        code: 1,
        err: expect.stringContaining("does not answer"),
      });
      expect(command).toContain("--output reports");
    }
    expect(gitlab.drift.image).toBe("node:24");
    expect(steps.find(({ uses }) => uses?.startsWith("actions/setup-node"))?.with).toEqual({
      "node-version": 24,
    });
    expect(gitlab.drift.artifacts.reports.junit).toBe("reports/drift.junit.xml");
  });
});
