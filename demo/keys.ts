import { createHash, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The public half of the service's signing key, taken from the key's own file as an operator would pin it, and not from what the
 * service answers: whoever could forge its answers could forge that one as well.
 */
export function pinnedKey(dataDir: string): string {
  const own = createPublicKey(readFileSync(join(dataDir, "signing-key.pem")));
  return own.export({ type: "spki", format: "pem" }) as string;
}

export function shortId(pem: string): string {
  const der = createPublicKey(pem).export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, 12);
}
