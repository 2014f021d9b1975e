import { readFileSync, writeFileSync } from "node:fs";
import { withCommandList } from "./commandList.ts";

/** The second half of `npm run contract`: the commands follow from the API's description, and docs/cli.md lists them. */
const page = new URL("../docs/cli.md", import.meta.url);
writeFileSync(page, await withCommandList(readFileSync(page, "utf8")));
