import { chmodSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { EXIT } from "../exit.ts";
import { access, exposure, profileFilePath, readProfiles, writeProfiles } from "./profiles.ts";

let env: Record<string, string>;
beforeEach(() => {
  env = { XDG_CONFIG_HOME: mkdtempSync(join(tmpdir(), "tenantry-profiles-")) };
});
const local = { url: "http://127.0.0.1:7070", apiKey: "tk_local" };
const prod = { url: "https://tenantry.example", apiKeyCommand: "printf tk_prod" };
const write = (current: string | null) => writeProfiles(env, { current, profiles: { local, prod } });

describe("profiles", () => {
  it("are kept where only their owner may read them", () => {
    write("local");
    expect(statSync(profileFilePath(env)).mode & 0o777).toBe(0o600);
    expect(readProfiles(env)).toEqual({ current: "local", profiles: { local, prod } });
    expect(exposure(env)).toBeUndefined();
    chmodSync(profileFilePath(env), 0o644);
    expect(exposure(env)).toContain("chmod 600");
  });

  it("give way to the environment, whole or in part", () => {
    write("local");
    expect(access(env, undefined).url.href).toBe("http://127.0.0.1:7070/");
    expect(access(env, undefined).key()).toBe("tk_local");
    expect(access({ ...env, TENANTRY_API_KEY: "tk_env" }, undefined).key()).toBe("tk_env");
    const other = { ...env, TENANTRY_URL: "http://127.0.0.1:8080", TENANTRY_API_KEY: "tk_env" };
    expect(access(other, undefined).url.port).toBe("8080");
  });

  it("are chosen by the option, then the environment, then the current one", () => {
    write("local");
    expect(access(env, "prod").url.host).toBe("tenantry.example");
    expect(access({ ...env, TENANTRY_PROFILE: "prod" }, undefined).url.host).toBe("tenantry.example");
    expect(access({ ...env, TENANTRY_PROFILE: "prod" }, "local").url.port).toBe("7070");
    expect(() => access(env, "staging")).toThrow(/there are local, prod/);
  });

  it("take a key from a command, and never send one profile's key to another address", () => {
    write("prod");
    expect(access(env, undefined).key()).toBe("tk_prod");
    const elsewhere = { ...env, TENANTRY_URL: "https://elsewhere.example" };
    expect(() => access(elsewhere, undefined).key()).toThrow(/is for https:\/\/tenantry.example/);
    writeProfiles(env, { current: "x", profiles: { x: { url: prod.url, apiKeyCommand: "exit 3" } } });
    expect(() => access(env, undefined).key()).toThrow(/the profile's command `exit 3` failed/);
  });

  it("say what is wrong with them, and what to do", () => {
    expect(() => access(env, undefined).key()).toThrow(/TENANTRY_API_KEY must hold an API key/);
    expect(() => access({ ...env, TENANTRY_URL: "localhost:7070" }, undefined)).toThrow(
      /TENANTRY_URL must be a URL/,
    );
    expect(() => access({ ...env, TENANTRY_URL: "http://user:pw@x" }, undefined)).toThrow(/must be a URL/);
    write("local");
    writeFileSync(profileFilePath(env), "{");
    expect(() => access(env, undefined)).toThrow(expect.objectContaining({ exitCode: EXIT.failed }));
    expect(readFileSync(profileFilePath(env), "utf8")).toBe("{");
  });
});
