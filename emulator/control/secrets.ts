import { z } from "zod";
import { CLUSTER } from "../aws/rdsCluster.ts";
import { SECRET, VERSION } from "../aws/secretsManager.ts";
import type { Cloud } from "../context.ts";
import { masterPassword } from "../rds/masterPassword.ts";
import type { ResourceRecord } from "../store/store.ts";
import { isObject, list, text, texts } from "../values.ts";
import { Problem } from "./problem.ts";
import { type ControlRequest, type Routes, validated } from "./router.ts";

const SECRET_BYTES = 65_536;

/** Name or ARN. */
const SecretQuery = z.object({
  id: z.string().min(1),
  region: z.string().min(1),
  account: z.string().min(1).optional(),
});
type SecretQuery = z.infer<typeof SecretQuery>;

const ValueRequest = z.strictObject({
  value: z
    .string()
    .min(1)
    .refine((value) => Buffer.byteLength(value) <= SECRET_BYTES, `must have at most ${SECRET_BYTES} bytes`),
});

/** The one door through which a secret's value comes in or goes out. */
export function secretRoutes(cloud: Cloud): Routes {
  const asked = (request: ControlRequest) => validated(Object.fromEntries(request.query), SecretQuery);
  return {
    "GET /v1/secrets/value": (request) => ({ value: readValue(cloud, asked(request)) ?? null }),
    "PUT /v1/secrets/value": async (request) => {
      const query = asked(request);
      const { value } = await request.body(ValueRequest);
      cloud.store.transaction(() => {
        const { id } = needSecret(cloud, query);
        cloud.store.contents.setSecretValue(id, id, value);
      });
    },
  };
}

function readValue(cloud: Cloud, query: SecretQuery): string | undefined {
  const managed = managedBy(cloud, query.id);
  if (managed !== undefined) return masterPassword(cloud.store, managed, query.id);
  const secret = needSecret(cloud, query);
  const put = cloud.store.contents.secretValue(secret.id);
  const declared = cloud.store
    .referrers(secret.account, secret.id, VERSION)
    .filter((version) => texts(version.properties, "versionStages").includes("AWSCURRENT"))
    .at(-1);
  if (declared !== undefined && (put === undefined || declared.createdAt > put.writtenAt)) {
    return text(declared.properties, "secretString");
  }
  return put?.value;
}

/** The cluster whose master password RDS keeps under that ARN. */
function managedBy(cloud: Cloud, arn: string): ResourceRecord | undefined {
  if (!arn.includes(":secret:rds!cluster-")) return undefined;
  return cloud.store
    .list({ type: CLUSTER })
    .find(({ properties }) =>
      list(properties, "masterUserSecrets").some((item) => isObject(item) && text(item, "secretArn") === arn),
    );
}

function needSecret(cloud: Cloud, { id, region, account }: SecretQuery): ResourceRecord {
  const where = { type: SECRET, region, ...(account === undefined ? {} : { account }) };
  const found = cloud.store.list({ ...where, called: id }).find(({ state }) => state === "present");
  if (found === undefined) throw new Problem(404, "secret_not_found", `Cannot find the secret ${id}.`);
  return found;
}
