import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ObjectExists, type ObjectFiles, openObjectFiles } from "./objectFiles.ts";
import { openStore, type Store } from "./store/store.ts";

let folder = "";
let store: Store;
let files: ObjectFiles;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tenantry-objects-"));
  store = openStore(join(folder, "account.sqlite"));
  files = openObjectFiles(join(folder, "objects"), store);
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function* body(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

async function read(key: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of files.get("bucket", key)?.stream ?? []) parts.push(part);
  return Buffer.concat(parts).toString();
}

it("writes over what is there, unless it must be new; what was refused or replaced leaves no file", async () => {
  await files.put("bucket", "one", body("first"), true);
  await expect(files.put("bucket", "one", body("second"), true)).rejects.toThrow(ObjectExists);
  expect(await read("one")).toBe("first");
  await files.put("bucket", "one", body("third"), false);
  expect(await read("one")).toBe("third");
  expect(readdirSync(join(folder, "objects"))).toHaveLength(1);
});

it("lets one of two have a key that must be new", async () => {
  const both = ["left", "right"].map((text) => files.put("bucket", "one", body(text), true));
  const ended = await Promise.allSettled(both);
  expect(ended.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(["left", "right"][ended.findIndex(({ status }) => status === "fulfilled")]).toBe(await read("one"));
  expect(readdirSync(join(folder, "objects"))).toHaveLength(1);
});
