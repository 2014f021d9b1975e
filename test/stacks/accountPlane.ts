import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { scriptPulumi } from "./commands.ts";

/**
 * Brings up a tenant's own plane in another account, as docs/isolation.md tells it: a stack file that names the account's
 * role and whose the plane is. No larger than it must be.
 */
export async function upAccountPlane(
  dataDir: string,
  plane: { readonly stack: string; readonly tenantId: string; readonly account: string },
): Promise<void> {
  const folder = join(dataDir, "plane");
  mkdirSync(folder, { recursive: true });
  const config = {
    "aws:region": "eu-west-1",
    "tenantry:environment": "dev",
    "tenantry:domain": `${plane.stack}.dev.tenantry.example.com`,
    "tenantry:dedicatedTo": plane.tenantId,
    "tenantry:aws": { assumeRole: { roleArn: `arn:aws:iam::${plane.account}:role/tenantry-planes` } },
    "tenantry:network": { zones: ["eu-west-1a", "eu-west-1b"] },
    "tenantry:router": { image: "router:1", count: 0 },
  };
  writeFileSync(join(folder, `Pulumi.${plane.stack}.yaml`), stringify({ config }));
  await scriptPulumi(dataDir, "up", "--stack", plane.stack, "--yes", "--skip-preview");
}
