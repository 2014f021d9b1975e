import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout this file belongs to. */
export const checkoutFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything a local installation keeps is in one folder: TENANTRY_DATA, or `.tenantry` in the checkout. */
export function dataFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.TENANTRY_DATA ? resolve(env.TENANTRY_DATA) : join(checkoutFolder, ".tenantry");
}

export type Cloud = "local" | "aws";

export function parseCloud(text: string | undefined): Cloud {
  if (text === undefined || text === "" || text === "local") return "local";
  if (text === "aws") return "aws";
  throw new Error(
    `Cannot choose the cloud: TENANTRY_CLOUD (or --cloud) must be "local" or "aws", got "${text}"`,
  );
}
