import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { localCloudCode, recentLocalCloudCode } from "./localCloudCode.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tenantry-code-"));
  mkdirSync(join(root, "emulator", "aws"), { recursive: true });
  write("main.ts", "1");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFileSync(join(root, "emulator", name), text);

it("changes with the sources at any depth, and with nothing else", () => {
  const first = localCloudCode(root);
  expect(localCloudCode(root)).toBe(first);
  write("main.test.ts", "expect");
  write("notes.md", "text");
  expect(localCloudCode(root)).toBe(first);
  write(join("aws", "sqs.ts"), "2");
  const second = localCloudCode(root);
  expect(second).not.toBe(first);
  write(join("aws", "sqs.ts"), "3");
  expect(localCloudCode(root)).not.toBe(second);
});

it("knows the code of this checkout", () => {
  expect(localCloudCode()).toMatch(/^[0-9a-f]{16}$/);
  expect(recentLocalCloudCode()).toBe(localCloudCode());
});
