import { readFileSync, writeFileSync } from "node:fs";
import { withMetricsTables } from "./lib/metricsTable.ts";

/** Brings the tables of metrics in docs/observability.md up to what the code has. */
const page = new URL("../docs/observability.md", import.meta.url);
writeFileSync(page, withMetricsTables(readFileSync(page, "utf8")));
