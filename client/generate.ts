import { readFileSync, writeFileSync } from "node:fs";
import { schemaText } from "./schemaText.ts";

/** Part of `npm run contract`: the client's types follow from contract/openapi.json. */
const document = new URL("../contract/openapi.json", import.meta.url);
writeFileSync(
  new URL("./src/schema.ts", import.meta.url),
  await schemaText(JSON.parse(readFileSync(document, "utf8"))),
);
