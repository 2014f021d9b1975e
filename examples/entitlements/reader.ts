/**
 * Keeps what a tenant may do, the way a service should: asks once at its start, then holds a request open that is answered when
 * something changes, and decides from memory in between. It never calls on a customer's request.
 *
 * It believes only what is signed with a key it was given, for its own tenant, not from the future and not older than what it
 * has (bundle.ts). While the control plane is away the last bundle holds until its staleness bound; past that each
 * capability goes by what was declared for it, open or closed. With `file` the last good bundle outlives the service. A tenant that is
 * deleted may do nothing any more, whatever was declared; a bundle that is newer than the last ends that.
 *
 * Plain Node 24, nothing to install: this folder can be copied as it is.
 *
 *     TENANTRY_URL=http://127.0.0.1:7070 TENANTRY_API_KEY=tk_… TENANTRY_SIGNING_KEY="$(cat public.pem)" \
 *       node examples/entitlements/reader.ts <tenantId> audit-export
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { allows, type Bundle, isStale, judgeBundle, type Refusal } from "./bundle.ts";

export interface EntitlementReaderOptions {
  readonly url: string;
  /** With the role auditor. */
  readonly apiKey: string;
  readonly tenantId: string;
  /** Public keys in PEM. Pin them; GET /signing-keys lists them, but whoever can forge that answer can forge bundles. */
  readonly keys: readonly string[];
  /** Default: 30 s. */
  readonly skewMs?: number;
  /** How long a request is held open; default: what the bundle says, at most 25 s. */
  readonly waitMs?: number;
  /** The first pause after a failure, doubled with each further one up to a quarter of the refresh time; default 500. */
  readonly backoffMs?: number;
  readonly file?: string;
  readonly onRefused?: (refusal: Refusal, why: string) => void;
  readonly onChange?: (bundle: Bundle) => void;
  /** The control plane has said that the tenant is deleted; told once. */
  readonly onGone?: () => void;
  /** The last good bundle could not be written: a restart would begin without it. */
  readonly onFileError?: (thrown: unknown) => void;
  readonly now?: () => number;
  readonly fetch?: typeof fetch;
}

export interface EntitlementReader {
  isEnabled(capabilityKey: string): boolean;
  readonly bundle: Bundle | undefined;
  /** True before there was a bundle, and past the bound of the one there is. */
  readonly stale: boolean;
  /** The tenant is deleted: nothing is enabled. */
  readonly gone: boolean;
  /** Asks now; false when there was no answer that could be believed, and the last bundle still holds. */
  refresh(waitMs?: number): Promise<boolean>;
  /** Follows until `stop`. */
  follow(): Promise<void>;
  stop(): void;
}

const MAX_WAIT_MS = 25_000;
const ANSWER_MS = 10_000;

export function createEntitlementReader(options: EntitlementReaderOptions): EntitlementReader {
  const { url, apiKey, tenantId, keys, skewMs = 30_000, backoffMs = 500, file } = options;
  const now = options.now ?? Date.now;
  const ask = options.fetch ?? fetch;
  const trust = { tenantId, keys, skewMs };
  const address = new URL(`/v1/control-plane/tenants/${tenantId}/entitlements/bundle`, url);
  const stopping = new AbortController();
  let bundle: Bundle | undefined = file === undefined ? undefined : fromFile(file);
  let gone = false;

  /** A 304 proves nothing: before the bundle gets stale it is asked for whole. */
  function isAging({ issuedAt, staleAfterMs }: Bundle): boolean {
    return now() > Date.parse(issuedAt) + staleAfterMs / 3;
  }

  function take(value: unknown): boolean {
    const verdict = judgeBundle(value, trust, now(), bundle);
    if (!verdict.ok) {
      options.onRefused?.(verdict.refusal, verdict.why);
      return false;
    }
    const before = bundle;
    // The same version again is worth taking for its age, and never makes what is there older.
    if (before !== undefined && before.version === verdict.bundle.version) {
      if (Date.parse(verdict.bundle.issuedAt) <= Date.parse(before.issuedAt)) return true;
    }
    bundle = verdict.bundle;
    gone = false;
    if (file !== undefined) keepIn(file, bundle);
    if (before?.version !== bundle.version) options.onChange?.(bundle);
    return true;
  }

  /** The answer is not signed. It can only take away, and no other 4xx is taken for it: a wrong address or key is no deletion. */
  function takeGone(problem: unknown): void {
    const { code } = (problem ?? {}) as { readonly code?: unknown };
    if (code !== "tenant_deleted" || gone) return;
    gone = true;
    // A restart must not begin with what the tenant could do.
    if (file !== undefined) rmSync(file, { force: true });
    options.onGone?.();
  }

  /** What was verified holds whether it can be kept or not. */
  function keepIn(path: string, verified: Bundle): void {
    try {
      toFile(path, verified);
    } catch (thrown) {
      options.onFileError?.(thrown);
    }
  }

  async function refresh(waitMs = 0): Promise<boolean> {
    const known = bundle !== undefined && !isAging(bundle) ? bundle : undefined;
    const asked = new URL(address);
    if (known !== undefined && waitMs > 0) asked.searchParams.set("waitMs", String(waitMs));
    try {
      const response = await ask(asked, {
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(known === undefined ? {} : { "if-none-match": `W/"${known.version}"` }),
        },
        signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(waitMs + ANSWER_MS)]),
      });
      if (response.status === 304) return known !== undefined && !gone;
      if (response.status === 410) takeGone(await response.json());
      return response.ok && take(await response.json());
    } catch {
      return false;
    }
  }

  async function follow(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const refreshMs = bundle?.refreshAfterMs ?? MAX_WAIT_MS;
      const [most, before, asked] = [Math.min(refreshMs, options.waitMs ?? MAX_WAIT_MS), bundle, now()];
      const good = await refresh(most);
      failures = good ? 0 : failures + 1;
      // A control plane with too many that wait answers at once: it is not asked again at once.
      const isEarly = good && bundle === before && now() - asked < most / 2;
      if (good && !isEarly) continue;
      const longest = Math.max(backoffMs, refreshMs / 4);
      await pause(Math.min(backoffMs * 2 ** Math.min(Math.max(failures - 1, 0), 16), longest));
    }
  }

  /** Half of it by chance, so that readers that failed together do not come back together. */
  async function pause(ms: number): Promise<void> {
    const wait = delay(ms / 2 + (Math.random() * ms) / 2, undefined, { signal: stopping.signal });
    await wait.catch(() => undefined);
  }

  function fromFile(path: string): Bundle | undefined {
    try {
      const verdict = judgeBundle(JSON.parse(readFileSync(path, "utf8")), trust, now());
      if (verdict.ok) return verdict.bundle;
      options.onRefused?.(verdict.refusal, `${path}: ${verdict.why}`);
    } catch {
      // There is none yet, or none that can be read: the first answer makes one.
    }
    return undefined;
  }

  return {
    isEnabled: (capabilityKey) => !gone && allows(bundle, capabilityKey, now()),
    get bundle() {
      return bundle;
    },
    get stale() {
      return bundle === undefined || isStale(bundle, now());
    },
    get gone() {
      return gone;
    },
    refresh,
    follow,
    stop: () => stopping.abort(),
  };
}

/** Whole or not at all. */
function toFile(path: string, bundle: Bundle): void {
  writeFileSync(`${path}.new`, JSON.stringify(bundle), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

async function main([tenantId, ...capabilities]: readonly string[]): Promise<void> {
  const { TENANTRY_URL: url, TENANTRY_API_KEY: apiKey, TENANTRY_SIGNING_KEY: key } = process.env;
  if (tenantId === undefined || url === undefined || apiKey === undefined || key === undefined) {
    throw new Error(
      "Usage: TENANTRY_URL=… TENANTRY_API_KEY=… TENANTRY_SIGNING_KEY=… node reader.ts <tenantId> [capability …]",
    );
  }
  const tell = () => {
    const shown = capabilities.length > 0 ? capabilities : Object.keys(reader.bundle?.entitlements ?? {});
    const words = shown.map((one) => `${one}=${reader.isEnabled(one) ? "on" : "off"}`).join(" ");
    console.log(`version ${reader.bundle?.version ?? "none"}: ${words}`);
  };
  const reader = createEntitlementReader({
    ...{ url, apiKey, tenantId, keys: [key], onChange: () => setImmediate(tell) },
    onGone: () => console.log("the tenant is deleted: everything is off"),
    onRefused: (refusal, why) => console.error(`refused (${refusal}): ${why}`),
  });
  process.once("SIGINT", () => reader.stop());
  await reader.follow();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main(process.argv.slice(2));
