/** Asks the router beside it whether it is ready, for container health checks: 0 when it is. */
const PROBE_MS = 4_000;
const { PORT = "8080", HEALTH_PATH = "/healthz" } = process.env;

try {
  const answer = await fetch(`http://127.0.0.1:${PORT}${HEALTH_PATH}`, {
    signal: AbortSignal.timeout(PROBE_MS),
  });
  process.exitCode = answer.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
