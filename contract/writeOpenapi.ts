import { readFileSync, writeFileSync } from "node:fs";
import { openapiText } from "./openapi.ts";

/** `npm run contract` writes openapi.json; with --check it only says whether the committed one is right. */
const file = new URL("./openapi.json", import.meta.url);
const text = openapiText();
if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== text) {
    console.error("contract/openapi.json is not what the contract says. Run: npm run contract");
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
}
