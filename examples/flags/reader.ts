/**
 * Reads a tenant's feature flags the way a service should: once at its start, then from time to time with the ETag of the last
 * answer, and from memory in between. While the control plane is away the last known flags go on to hold, and before there ever
 * was an answer, and for a flag that is not there, the caller's own default.
 *
 *     TENANTRY_URL=http://127.0.0.1:7070 TENANTRY_API_KEY=tk_… node examples/flags/reader.ts <tenantId> [plane]
 */
import { pathToFileURL } from "node:url";

export interface FlagReader {
  isOn(flagKey: string, otherwise: boolean): boolean;
  /** Asks now; false when there was no answer and the last known flags still hold. */
  refresh(): Promise<boolean>;
  stop(): void;
}

export interface FlagReaderOptions {
  readonly url: string;
  /** With the role auditor. */
  readonly apiKey: string;
  readonly tenantId: string;
  /** Where the service runs; needed where rules name planes or regions and the tenant is on several. */
  readonly plane?: string;
  /** Default: 30 s. */
  readonly everyMs?: number;
  readonly timeoutMs?: number;
}

interface Answer {
  readonly flags: readonly { readonly flagKey: string; readonly enabled: boolean }[];
}

export function createFlagReader(options: FlagReaderOptions): FlagReader {
  const { url, apiKey, tenantId, plane, everyMs = 30_000, timeoutMs = 5_000 } = options;
  const asked = new URL(`/v1/control-plane/tenants/${tenantId}/flags`, url);
  if (plane !== undefined) asked.searchParams.set("plane", plane);
  let known = new Map<string, boolean>();
  let etag: string | null = null;

  async function refresh(): Promise<boolean> {
    try {
      const response = await fetch(asked, {
        headers: { authorization: `Bearer ${apiKey}`, ...(etag !== null && { "if-none-match": etag }) },
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.status === 304) return true;
      if (!response.ok) return false;
      const { flags } = (await response.json()) as Answer;
      known = new Map(flags.map(({ flagKey, enabled }) => [flagKey, enabled]));
      etag = response.headers.get("etag");
      return true;
    } catch {
      return false;
    }
  }

  const timer = setInterval(() => void refresh(), everyMs);
  timer.unref();
  return {
    isOn: (flagKey, otherwise) => known.get(flagKey) ?? otherwise,
    refresh,
    stop: () => clearInterval(timer),
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [tenantId = "", plane] = process.argv.slice(2);
  const { TENANTRY_URL: url = "http://127.0.0.1:7070", TENANTRY_API_KEY: apiKey = "" } = process.env;
  const reader = createFlagReader({ url, apiKey, tenantId, ...(plane !== undefined && { plane }) });
  const answered = await reader.refresh();
  process.stdout.write(`${answered ? "" : "no answer; "}new-view: ${reader.isOn("new-view", false)}\n`);
}
