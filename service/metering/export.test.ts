import { expect, it } from "vitest";
import { csvField } from "./export.ts";

it.each([
  [null, ""],
  [-3.5, "-3.5"],
  ["plain", "plain"],
  ["=1+1", "'=1+1"],
  ["-1", "'-1"],
  ["@cmd", "'@cmd"],
  ['say "hi", twice', '"say ""hi"", twice"'],
])("%j is %s in CSV", (value, field) => {
  expect(csvField(value)).toBe(field);
});
