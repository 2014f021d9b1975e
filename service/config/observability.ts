import { z } from "zod";
import { setting, whole } from "./setting.ts";

/** What the service tells of itself. */
export const observabilitySettings = {
  traceEndpoint: setting(
    "OTLP/HTTP address that spans are sent to, such as http://127.0.0.1:4318/v1/traces (off)",
    z
      .url({
        protocol: /^https?$/,
        error: "must be an http or https URL, such as http://127.0.0.1:4318/v1/traces",
      })
      .optional(),
  ),
  /** Share of the traces that begin here which are kept; a caller's own trace is kept when the caller keeps it. */
  traceSample: setting(
    "share of the traces begun here that is kept, 0 to 1 (1)",
    z.coerce.number().min(0).max(1).default(1),
  ),
  tenantSeries: setting(
    "tenants with time series of their own in /metrics, the latest heard of (200)",
    whole(0, 5_000).default(200),
  ),
  logLevel: setting(
    "fatal, error, warn, info, debug, trace or silent (info)",
    z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  ),
  jsonLog: setting(
    "log lines as JSON on stdout instead of service.log in the data folder",
    z.stringbool().or(z.boolean()).default(false),
  ),
};
