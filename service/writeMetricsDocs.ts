import { readFileSync, writeFileSync } from "node:fs";
import { withMetricsTable } from "./metricsTable.ts";

/** Brings the table of metrics in docs/observability.md up to what the code has. */
const page = new URL("../docs/observability.md", import.meta.url);
writeFileSync(page, withMetricsTable(readFileSync(page, "utf8")));
