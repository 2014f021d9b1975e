import { readFileSync, writeFileSync } from "node:fs";
import { withTransitionTable } from "./lifecycleTable.ts";
import { openapiText } from "./openapi.ts";

/** `npm run contract` writes what is made from the contract; with --check it only says whether what is committed is right. */
interface Generated {
  readonly name: string;
  readonly text: (before: string) => string;
}

const files: readonly Generated[] = [
  { name: "contract/openapi.json", text: openapiText },
  { name: "docs/lifecycle.md", text: withTransitionTable },
];

for (const { name, text } of files) {
  const file = new URL(`../${name}`, import.meta.url);
  const before = readFileSync(file, "utf8");
  const after = text(before);
  if (!process.argv.includes("--check")) writeFileSync(file, after);
  else if (before !== after) {
    console.error(`${name} is not what the contract says. Run: npm run contract`);
    process.exitCode = 1;
  }
}
