import { describe, expect, it } from "vitest";
import { programVersion } from "./version.ts";

describe("programVersion", () => {
  it("is the same for the same sources and names the provider's release", () => {
    expect(programVersion()).toEqual(programVersion());
    expect(programVersion().program).toMatch(/^[0-9a-f]{16}$/);
    expect(programVersion().providers.aws).toMatch(/^\d+\.\d+\.\d+/);
  });
});
