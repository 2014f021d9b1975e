/**
 * Asks the service beside it whether it is ready: 0 when it is. For container health checks, where the image has no other
 * HTTP client. It reads the same variable for the port as the service does.
 */
const PROBE_MS = 8_000;
const port = process.env.TENANTRY_PORT ?? process.env.PORT ?? "7070";
const path = process.env.PROBE_PATH ?? "/readiness";

try {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(PROBE_MS) });
  process.exitCode = answer.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
