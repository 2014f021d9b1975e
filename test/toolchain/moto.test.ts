import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureMoto } from "../../toolchain/moto.ts";

const realPath = process.env.PATH ?? "";
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-moto-"));
});
afterEach(() => {
  process.env.PATH = realPath;
  rmSync(folder, { recursive: true, force: true });
});

/** A python3 whose virtual environments work once \`pip install\` was run in them; counts those runs. */
function stubPython(pipExit: number): void {
  const pip = `#!/bin/sh
case "$*" in
  *"pip install"*) printf x >> ${join(folder, "installs")}; sleep 0.3; echo "no such package"; touch "$(dirname "$0")/done"; exit ${pipExit} ;;
  *) [ -f "$(dirname "$0")/done" ] ;;
esac`;
  writeFileSync(join(folder, "venv-python"), pip, { mode: 0o755 });
  const python = `#!/bin/sh\nmkdir -p "$3/bin" && cp ${join(folder, "venv-python")} "$3/bin/python"\n`;
  writeFileSync(join(folder, "python3"), python, { mode: 0o755 });
  process.env.PATH = [folder, "/usr/bin", "/bin"].join(delimiter);
}

describe("ensureMoto", () => {
  it("installs once for callers that race, and never again", async () => {
    stubPython(0);
    const cache = join(folder, "cache");
    const [one, two] = await Promise.all([ensureMoto(cache), ensureMoto(cache)]);
    expect(one).toEqual(two);
    expect(one).toHaveProperty("python");
    expect(await ensureMoto(cache)).toEqual(one);
    expect(readFileSync(join(folder, "installs"), "utf8")).toBe("x");
    expect(readdirSync(join(cache, "moto"))).toHaveLength(1);
  });

  it("tells why there is none, and leaves nothing half made", async () => {
    stubPython(1);
    const cache = join(folder, "cache");
    const moto = await ensureMoto(cache);
    expect(moto).toEqual({
      unavailable: expect.stringMatching(/pip install: exit code 1[\s\S]*no such package/),
    });
    expect(readdirSync(join(cache, "moto"))).toEqual([]);
    process.env.PATH = folder;
    rmSync(join(folder, "python3"));
    expect(await ensureMoto(cache)).toEqual({ unavailable: expect.stringContaining("no python3 on PATH") });
  });

  it("gives the pinned version", async (context) => {
    const moto = await ensureMoto();
    if ("unavailable" in moto) return context.skip(moto.unavailable);
    expect(existsSync(moto.python)).toBe(true);
    const version = "from importlib.metadata import version; print(version('moto'))";
    expect(execFileSync(moto.python, ["-c", version], { encoding: "utf8" }).trim()).toBe("5.2.1");
  });
});
