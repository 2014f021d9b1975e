/** The router's image is not built here: what it would hold is laid out in a folder, and started from there as it would be. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { folderStore } from "../../service/routing/snapshotStore.ts";
import { waitFor } from "../service/harness.ts";
import { PLANE, signer, snapshot } from "./snapshots.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const recipe = readFileSync(join(ROOT, "router/image/Dockerfile"), "utf8")
  .replaceAll(/\\\n/g, " ")
  .split("\n");
const lastStage = recipe.slice(recipe.findLastIndex((line) => line.startsWith("FROM ")));
const manifest = (file: string) =>
  JSON.parse(readFileSync(join(ROOT, file), "utf8")) as { dependencies: Record<string, string> };
const { dependencies } = manifest("router/image/package.json");

let app = "";
const children: ChildProcess[] = [];
beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), "tenantry-router-image-"));
  for (const line of lastStage.filter((one) => one.startsWith("COPY ") && !one.includes("--from="))) {
    const [source = "", target = ""] = line.split(/\s+/).slice(1);
    const name = source.split("/").at(-1) ?? "";
    const isFolder = target.endsWith("/");
    const to = join(app, target, isFolder || target === "./" ? name : "");
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(ROOT, source), to, { recursive: true });
  }
  // What `npm ci` would bring, and nothing else.
  for (const name of Object.keys(dependencies)) {
    const to = join(app, "node_modules", name);
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), to);
  }
});
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(app, { recursive: true, force: true });
});

it("installs a part of the project's dependencies, in the same versions, each of them locked", () => {
  const ours = manifest("package.json").dependencies;
  for (const [name, version] of Object.entries(dependencies))
    expect([name, ours[name]]).toEqual([name, version]);
  const lock = JSON.parse(readFileSync(join(ROOT, "router/image/package-lock.json"), "utf8")) as {
    packages: Record<string, { version?: string; dependencies?: Record<string, string> }>;
  };
  expect(lock.packages[""]?.dependencies).toEqual(dependencies);
  for (const [name, version] of Object.entries(dependencies)) {
    expect(lock.packages[`node_modules/${name}`]?.version).toBe(version);
  }
});

it("stands on the same base as the service's image, runs as nobody special, and is looked at", () => {
  const base = (text: string) => /^FROM (\S+)/m.exec(text)?.[1];
  expect(base(recipe.join("\n"))).toBe(base(readFileSync(join(ROOT, "Dockerfile"), "utf8")));
  expect(lastStage).toContain("USER 1000:1000");
  expect(lastStage.some((line) => line.startsWith("HEALTHCHECK ") && line.includes("router/probe.ts"))).toBe(
    true,
  );
});

it("starts from what it holds alone, and its probe tells when it is ready", async () => {
  const folder = join(app, "snapshots");
  await folderStore(folder).put(snapshot(1, { acme: "live" }));
  const port = await freePort();
  const [, set = ""] = /^ENV (.*)$/m.exec(lastStage.join("\n")) ?? [];
  const fromImage = Object.fromEntries(
    set.split(/\s+/).map((pair) => /^([^=]+)=(.*)$/.exec(pair)?.slice(1) ?? []),
  );
  const env = {
    ...{
      PATH: process.env.PATH,
      ...fromImage,
      CACHE_FILE: join(app, "cache/routing.json"),
      METRICS_PORT: "0",
    },
    ...{ PORT: String(port), HOST: "127.0.0.1", PLANE_NAME: PLANE, TRUSTED_KEYS: signer.publicKey },
    SNAPSHOT_FILE: join(folder, "latest.json"),
  };
  const start = (program: string) => {
    const child = spawn(process.execPath, [program], { cwd: app, env, stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return child;
  };
  const probed = async () => (await once(start("router/probe.ts"), "exit"))[0] as number;
  expect(await probed()).toBe(1);
  const router = start("router/main.ts");
  let said = "";
  router.stdout?.on("data", (data: Buffer) => {
    said += data.toString();
  });
  await waitFor("the router", async () => (said.includes("the router is up") ? true : undefined));
  expect(await probed()).toBe(0);
  router.kill("SIGTERM");
  expect(await once(router, "exit")).toEqual([0, null]);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
