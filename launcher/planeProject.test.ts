import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parse } from "yaml";
import { writePlaneProject } from "./planeProject.ts";

let folder = "";
let committedFolder = "";
let dataDir = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-plane-"));
  committedFolder = join(folder, "checkout");
  dataDir = join(folder, "data");
  mkdirSync(committedFolder);
  writeFileSync(
    join(committedFolder, "Pulumi.yaml"),
    "name: tenantry\nruntime: nodejs\nmain: stacks/plane/index.ts\n",
  );
  writeFileSync(join(committedFolder, "Pulumi.dev.yaml"), "config:\n  aws:region: eu-west-1\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const written = (name: string) => parse(readFileSync(join(dataDir, "plane", name), "utf8"));

it("writes the committed project with an absolute entry point, and leaves the checkout as it was", () => {
  expect(writePlaneProject({ committedFolder, dataDir })).toBe(join(dataDir, "plane"));
  expect(written("Pulumi.yaml")).toEqual({
    name: "tenantry",
    runtime: "nodejs",
    main: join(committedFolder, "stacks/plane/index.ts"),
  });
  expect(written("Pulumi.dev.yaml")).toEqual({ config: { "aws:region": "eu-west-1" } });
  expect(readdirSync(committedFolder)).toEqual(["Pulumi.dev.yaml", "Pulumi.yaml"]);
});

it("names a language host only when told to", () => {
  writePlaneProject({ committedFolder, dataDir, languageHost: "/hosts/pulumi-language-nodejs" });
  expect(written("Pulumi.yaml").plugins).toEqual({ languages: [{ name: "nodejs", path: "/hosts" }] });
});

it("keeps what Pulumi wrote, and takes over what was committed since", () => {
  writePlaneProject({ committedFolder, dataDir });
  const local = join(dataDir, "plane", "Pulumi.dev.yaml");
  writeFileSync(
    local,
    `encryptionsalt: v1:salt\n${readFileSync(local, "utf8")}  tenantry:domain: mine.example.com\n`,
  );
  writeFileSync(join(committedFolder, "Pulumi.dev.yaml"), "config:\n  aws:region: eu-central-1\n");
  writePlaneProject({ committedFolder, dataDir });
  expect(written("Pulumi.dev.yaml")).toEqual({
    encryptionsalt: "v1:salt",
    config: { "aws:region": "eu-central-1", "tenantry:domain": "mine.example.com" },
  });
});

it("says which file it cannot read", () => {
  writeFileSync(join(committedFolder, "Pulumi.dev.yaml"), "config: [");
  expect(() => writePlaneProject({ committedFolder, dataDir })).toThrow("Pulumi.dev.yaml: it must be YAML");
  rmSync(join(committedFolder, "Pulumi.yaml"));
  expect(() => writePlaneProject({ committedFolder, dataDir })).toThrow("must exist");
});
