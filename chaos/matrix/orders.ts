import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Blow } from "./interference.ts";

/**
 * What the service's steps are to do, in a file: it outlives the service, which counts a blow as struck before it dies of it.
 */
export interface Orders {
  /** Whose operations are meant. */
  readonly tenantId: string;
  readonly blows: readonly Blow[];
  /** Each step is to have its effect twice. */
  readonly repeat: boolean;
}

export function writeOrders(file: string, orders: Orders): void {
  writeFileSync(`${file}.new`, JSON.stringify(orders));
  renameSync(`${file}.new`, file);
}

export function readOrders(file: string): Orders {
  if (!existsSync(file)) return { tenantId: "", blows: [], repeat: false };
  return JSON.parse(readFileSync(file, "utf8")) as Orders;
}
