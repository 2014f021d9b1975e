/** The image is not built here; what can be told from its recipe and the tree is. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, matchesGlob, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const recipe = read("Dockerfile").replaceAll(/\\\n/g, " ").split("\n");

/** What the programs are: the commands of the roles, and what is started by path instead of by an import. */
const PROGRAMS = ["service/main.ts", "service/probe.ts", "router/main.ts"];

/** The files that a program loads, imports of imports included; `new URL("./x", import.meta.url)` counts as one. */
function loaded(programs: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    if (!file.endsWith(".ts")) return;
    const text = read(file);
    const imports = ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
    const urls = [...text.matchAll(/new URL\(\s*"(\.[^"]+)",\s*import\.meta\.url/g)].map(
      ([, path]) => path ?? "",
    );
    for (const path of [...imports, ...urls].filter((one) => one.startsWith("."))) {
      const target = relative(ROOT, join(ROOT, dirname(file), path));
      if (existsSync(join(ROOT, target)) && statSync(join(ROOT, target)).isFile()) visit(target);
    }
  };
  for (const program of programs) visit(program);
  return [...found].sort();
}

/** What the last stage copies from the build context. */
function copied(): string[] {
  const last = recipe.slice(recipe.findLastIndex((line) => line.startsWith("FROM ")));
  return last
    .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
    .flatMap((line) => line.split(/\s+/).slice(1, -1));
}

/** The last rule that fits a path or a folder above it decides. To Docker, unlike Node, a star means dot files too. */
function isSentToBuild(file: string): boolean {
  const parts = file.split("/");
  const above = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  let sent = true;
  for (const line of read(".dockerignore")
    .split("\n")
    .filter((one) => one !== "" && !one.startsWith("#"))) {
    const negated = line.startsWith("!");
    const pattern = negated ? line.slice(1) : line;
    if (above.some((path) => pattern === "*" || matchesGlob(path, pattern))) sent = negated;
  }
  return sent;
}

describe("the image", () => {
  const files = loaded(PROGRAMS);

  it("holds every file that its programs load", () => {
    expect(files.length).toBeGreaterThan(150);
    expect(files).toEqual(
      expect.arrayContaining([
        "service/engine/worker.ts",
        "stacks/tenant/program.ts",
        "contract/openapi.json",
      ]),
    );
    const missing = files.filter(
      (file) =>
        !(isSentToBuild(file) && copied().some((path) => file === path || file.startsWith(`${path}/`))),
    );
    expect(missing).toEqual([]);
  });

  it("holds neither tests nor the local cloud nor anything that git does not know", () => {
    for (const file of ["service/config.test.ts", "components/testing/pulumiMocks.ts", "emulator/main.ts"]) {
      expect([file, isSentToBuild(file)]).toEqual([file, false]);
    }
    for (const folder of [".git", "node_modules", ".tenantry", "test", "docs"]) {
      expect([folder, isSentToBuild(`${folder}/x`)]).toEqual([folder, false]);
    }
    for (const path of copied()) expect(readdirSync(ROOT)).toContain(path);
  });

  it("names the versions that package.json names", () => {
    const { dependencies } = JSON.parse(read("package.json")) as { dependencies: Record<string, string> };
    expect(recipe).toContain(`ARG PULUMI_VERSION=${dependencies["@pulumi/pulumi"]}`);
    expect(recipe).toContain(`ARG PULUMI_AWS_VERSION=${dependencies["@pulumi/aws"]}`);
    const bases = recipe.filter((line) => line.startsWith("FROM ")).map((line) => line.split(" ")[1]);
    expect(new Set(bases)).toHaveLength(1);
    expect(bases[0]).toMatch(/^node:24\.\d+\.\d+-bookworm-slim$/);
  });

  it("runs as nobody special, with a health check", () => {
    expect(recipe).toContain("USER 1000:1000");
    expect(recipe.some((line) => line.startsWith("HEALTHCHECK ") && line.includes("service/probe.ts"))).toBe(
      true,
    );
    const copies = recipe.findLastIndex((line) => line.startsWith("COPY "));
    expect(recipe.indexOf("USER 1000:1000")).toBeGreaterThan(copies);
  });
});
