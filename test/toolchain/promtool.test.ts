import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensurePromtool } from "../../toolchain/promtool.ts";

const realPath = process.env.PATH ?? "";
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-promtool-"));
});
afterEach(() => {
  process.env.PATH = realPath;
  rmSync(folder, { recursive: true, force: true });
});

/** An apt-get that does this when it is to download, and a dpkg-deb that must not be asked. */
function stubApt(download: string): void {
  const apt = `#!/bin/sh\ncase "$*" in *download*) ${download} ;; esac\n`;
  writeFileSync(join(folder, "apt-get"), apt, { mode: 0o755 });
  writeFileSync(join(folder, "dpkg-deb"), "#!/bin/sh\nexit 9\n", { mode: 0o755 });
  process.env.PATH = [folder, "/usr/bin", "/bin"].join(delimiter);
}

describe.runIf(process.platform === "linux" && process.arch === "x64")("ensurePromtool", () => {
  it("tells why there is none, and leaves nothing half made", async () => {
    const cache = join(folder, "cache");
    stubApt('echo "version not found"; exit 100');
    expect(await ensurePromtool(cache)).toEqual({
      unavailable: expect.stringMatching(/apt-get download prometheus=\S+: exit code 100[\s\S]*not found/),
    });
    expect(readdirSync(join(cache, "promtool"))).toEqual([]);
    process.env.PATH = join(folder, "empty");
    expect(await ensurePromtool(cache)).toEqual({ unavailable: expect.stringContaining("no apt-get") });
  });

  it("unpacks no package but the pinned one", async () => {
    stubApt("echo another > prometheus.deb");
    expect(await ensurePromtool(join(folder, "cache"))).toEqual({
      unavailable: expect.stringMatching(/must have the SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}/),
    });
  });
});
