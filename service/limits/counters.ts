import pg from "pg";
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterPostgres } from "rate-limiter-flexible";
import { limits } from "../config/limits.ts";

/**
 * Where requests are counted: in memory, or in PostgreSQL where several services must count together. Each count belongs to a key
 * and starts anew when its window is over.
 */
export interface Counters {
  /** One more for the key: how many that makes in the window, and how long the window still lasts. */
  add(key: string, windowSeconds: number): Promise<Count>;
  close(): Promise<void>;
}

export interface Count {
  readonly count: number;
  readonly resetMs: number;
}

/** The limiter's own bound is never reached: what is too much differs by key, and whoever asks decides. */
const UNBOUNDED = { points: Number.MAX_SAFE_INTEGER, duration: 60 } as const;

export function memoryCounters(): Counters {
  return { ...counting(new RateLimiterMemory(UNBOUNDED)), close: async () => {} };
}

/**
 * A few connections of its own, so that counting never takes one from the registry. What is counted is worth nothing after a
 * crash: commits need not wait for the disk.
 */
export function postgresCounters(url: string): Counters {
  const pool = new pg.Pool({
    connectionString: url,
    max: limits.rateLimiterConnections,
    application_name: "tenantry rate limits",
    connectionTimeoutMillis: limits.rateLimiterPatienceMs,
    query_timeout: limits.rateLimiterPatienceMs,
    options: "-c search_path=tenantry -c synchronous_commit=off",
  });
  // A connection that breaks fails its query; unheard, the event would end the process.
  pool.on("error", () => {});
  const limiter = new RateLimiterPostgres({
    ...UNBOUNDED,
    ...{
      storeClient: pool,
      schemaName: "tenantry",
      tableName: "rate_limits",
      keyPrefix: "r",
      tableCreated: true,
    },
  });
  return { ...counting(limiter), close: () => pool.end() };
}

function counting(limiter: RateLimiterAbstract): Pick<Counters, "add"> {
  return {
    async add(key, windowSeconds) {
      const { consumedPoints, msBeforeNext } = await limiter.consume(key, 1, {
        customDuration: windowSeconds,
      });
      return { count: Number(consumedPoints), resetMs: msBeforeNext };
    },
  };
}
