import { median } from "../figures.ts";
import type { Endpoint } from "./load.ts";

/** One of each kind: broad and narrow, alone and together, by index order and across it, and such as nothing fits. */
const QUERIES = [
  "",
  "sort=slug",
  "sort=-updatedAt",
  "sort=displayName",
  "plan=starter",
  "plan=enterprise&sort=slug",
  "status=active&sort=displayName",
  "label=tier=gold",
  "label=desk=desk-7&sort=-slug",
  "region=us-east-1",
  "region=ap-southeast-2&sort=displayName",
  "environment=stage&plan=business",
  "health=down",
  "health=healthy&sort=-displayName",
  "drift=drifted&region=eu-west-1&sort=slug",
  "version=behind",
  "version=current&sort=updatedAt",
  "release=1&label=tier=tin",
  "search=acme",
  "search=desk&sort=slug",
  "search=harbour+bank&environment=prod",
  "slugPrefix=corvid",
  "health=down&drift=drifted",
  "status=draft&environment=prod",
] as const;

const ROUNDS = 40;
const WARM_UP = 5;

export interface PageTimes {
  readonly query: string;
  readonly smallMs: number;
  readonly largeMs: number;
}

/** A page of the largest registry may take so many times as long as one of the smallest. */
export const MOST_PAGE_RATIO = 2;

export function pagesPastBound(times: readonly PageTimes[]): readonly string[] {
  return times
    .filter(({ smallMs, largeMs }) => !(largeMs <= smallMs * MOST_PAGE_RATIO))
    .map(({ query, smallMs, largeMs }) => `${query} (${smallMs.toFixed(2)} → ${largeMs.toFixed(2)} ms)`);
}

export async function measurePages(small: Endpoint, large: Endpoint): Promise<readonly PageTimes[]> {
  const times: PageTimes[] = [];
  for (const query of QUERIES) {
    const taken: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
      for (const [place, endpoint] of [small, large].entries()) {
        const ms = await pageMs(endpoint, query);
        if (round >= WARM_UP) taken[place]?.push(ms);
      }
    }
    times.push({ query: query || "(none)", smallMs: median(taken[0]), largeMs: median(taken[1]) });
  }
  return times;
}

async function pageMs({ url, key }: Endpoint, query: string): Promise<number> {
  const startedAtMs = performance.now();
  const answer = await fetch(`${url}/v1/control-plane/tenants?limit=50&${query}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Cannot go on: ${query} must be answered, got ${answer.status} ${text}`);
  return performance.now() - startedAtMs;
}
