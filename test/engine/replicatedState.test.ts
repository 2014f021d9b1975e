/** What replicas share on AWS: the state in S3, and a KMS key for the secrets in it. Both are moto's here. */
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateBucketCommand, GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { startMoto } from "../cloud/motoServer.ts";
import { SECRET_VALUE } from "./programs/queues.ts";
import { type EngineWorld, environmentOf, openWorld, targetOf } from "./world.ts";

const REGION = "eu-west-1";
const BUCKET = "state";
const moto = await startMoto();

if ("unavailable" in moto) {
  it("state in S3 with a KMS key", ({ skip }) => skip(moto.unavailable));
} else {
  describe("state in S3 with a KMS key", () => {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const clients = { region: REGION, endpoint: moto.endpoint, credentials };
    const s3 = new S3Client({ ...clients, forcePathStyle: true });
    const spec = tenantSpec({ tenantId: randomUUID(), slug: "shared" });
    const target = targetOf(spec);
    let environment: Record<string, string> = {};
    const worlds: EngineWorld[] = [];

    /** A replica of its own: nothing but the environment is shared with another. */
    const open = async () => {
      const programModule = fileURLToPath(new URL("./programs/queues.ts", import.meta.url));
      const world: EngineWorld = await openWorld({
        ...{ workers: 1, programModule },
        environment: async () => {
          const { PULUMI_CONFIG_PASSPHRASE: _none, ...local } = await environmentOf(
            worlds[0]?.dataDir ?? world.dataDir,
          );
          return { ...local, ...environment };
        },
      });
      worlds.push(world);
      return world;
    };

    beforeAll(async () => {
      await s3.send(
        new CreateBucketCommand({
          Bucket: BUCKET,
          CreateBucketConfiguration: { LocationConstraint: REGION },
        }),
      );
      const { KeyMetadata } = await new KMSClient(clients).send(new CreateKeyCommand({}));
      environment = {
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
        AWS_REGION: REGION,
        AWS_ENDPOINT_URL: moto.endpoint,
        PULUMI_BACKEND_URL: `s3://${BUCKET}?region=${REGION}&endpoint=${moto.endpoint}&s3ForcePathStyle=true`,
        TENANTRY_SECRETS_PROVIDER: `awskms:///${KeyMetadata?.Arn}?region=${REGION}`,
      };
    });
    afterAll(async () => {
      for (const world of worlds) await world.close();
      await moto.close();
    });

    it("is written by one replica and gone on with by another that never had a passphrase", async () => {
      const first = await open();
      await first.engine.up(spec);
      const key = `.pulumi/stacks/${target.projectName}/${target.stackName}.json`;
      const object = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
      const text = (await object.Body?.transformToString()) ?? "";
      expect(text).not.toContain(SECRET_VALUE);
      expect(JSON.parse(text).checkpoint.latest.secrets_providers).toMatchObject({ type: "cloud" });

      const second = await open();
      expect(await second.engine.inspect(target)).toMatchObject({ exists: true });
      expect(await second.engine.up(spec)).toMatchObject({ changed: false });
      expect(
        (await second.engine.destroy({ ...target, tenantId: spec.tenant.tenantId })).deleted,
      ).toBeGreaterThan(1);
    });
  });
}
