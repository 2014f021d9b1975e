import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { schemaText } from "../schemaText.ts";

const text = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");

it("has the types of the description; if not, run: npm run contract", async () => {
  const made = await schemaText(JSON.parse(text("../../contract/openapi.json")));
  expect(made === text("./schema.ts")).toBe(true);
});

it("has the versions of what the whole project uses", () => {
  const own = JSON.parse(text("../package.json"));
  const whole = JSON.parse(text("../../package.json"));
  expect(own.version).toBe(whole.version);
  for (const [name, version] of Object.entries(own.dependencies))
    expect(whole.dependencies[name], name).toBe(version);
});
