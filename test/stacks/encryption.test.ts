/** Everything that every stack makes is encrypted, at rest and in transit; a kind nobody has thought about fails (P11). */
import { beforeAll, describe, expect, it } from "vitest";
import { type RecordedResource, recordWithMocks, runMocked } from "../../components/testing/pulumiMocks.ts";
import { parseControlPlaneConfig } from "../../stacks/controlPlane/config.ts";
import { controlPlaneProgram } from "../../stacks/controlPlane/program.ts";
import { parsePlaneConfig } from "../../stacks/plane/config.ts";
import { planeProgram } from "../../stacks/plane/program.ts";
import { tenantProgram } from "../../stacks/tenant/program.ts";
import { type Isolation, isolationOf } from "../../stacks/tenant/spec.ts";
import { planeOutputs, TENANT_ID, tenantSpec } from "../../stacks/testing/tenantSpec.ts";
import { ENCRYPTION, encryptionProblems } from "./encryptionRules.ts";
import { identityOf, planeConfig, SETUP_TIMEOUT_MS } from "./fleet.ts";

recordWithMocks();

const tenant = (isolation: Isolation, environment: "dev" | "prod" = "dev") => {
  const spec = tenantSpec({ isolation, plane: planeOutputs(environment) });
  return runMocked(tenantProgram(spec, identityOf(spec)));
};
const account = () =>
  parsePlaneConfig("own", {
    environment: "prod",
    dedicatedTo: TENANT_ID,
    domain: "own.tenants.example",
    aws: { region: "eu-west-1", assumeRole: { roleArn: "arn:aws:iam::222233334444:role/automation" } },
    router: { image: "router:1" },
  });
const control = (environment: "dev" | "prod") =>
  parseControlPlaneConfig(environment, {
    environment,
    domain: "control.tenants.example",
    image: "tenantry:1",
    aws: { region: "eu-west-1" },
  });
const PROGRAMS: Readonly<Record<string, () => Promise<{ readonly resources: readonly RecordedResource[] }>>> =
  {
    "a dev plane": () => runMocked(() => planeProgram(planeConfig("dev"))),
    "a prod plane": () => runMocked(() => planeProgram(planeConfig("prod"))),
    "a tenant's own plane": () => runMocked(() => planeProgram(account())),
    "a dev control plane": () => runMocked(() => controlPlaneProgram(control("dev"))),
    "a prod control plane": () => runMocked(() => controlPlaneProgram(control("prod"))),
    "a pooled tenant": () => tenant(isolationOf("pooled")),
    "a hybrid tenant": () => tenant(isolationOf("hybrid")),
    "a dedicated tenant in a VPC": () => tenant(isolationOf("dedicated"), "prod"),
    "a dedicated tenant in subnets": () =>
      tenant(isolationOf("dedicated", { network: "subnets", cidrBlock: "10.32.192.0/24" })),
    "a tenant in its own account": () => tenant(isolationOf("account")),
  };

describe("encryption", () => {
  const runs = new Map<string, readonly RecordedResource[]>();
  beforeAll(async () => {
    for (const [name, run] of Object.entries(PROGRAMS)) runs.set(name, (await run()).resources);
  }, SETUP_TIMEOUT_MS);

  it.each(Object.keys(PROGRAMS))("is on everywhere in %s", (name) => {
    const resources = runs.get(name) ?? [];
    expect(resources.length).toBeGreaterThan(30);
    expect(encryptionProblems(resources)).toEqual([]);
  });

  it("has no rule for what no stack makes any more", () => {
    const made = new Set([...runs.values()].flat().map(({ type }) => type));
    const known = Object.keys(ENCRYPTION).filter((type) => !RARE.includes(type));
    expect(known.filter((type) => !made.has(type))).toEqual([]);
  });

  it.each([
    ["a queue without a key", "aws:sqs/queue:Queue", { kmsMasterKeyId: undefined }],
    ["a queue with AWS's key", "aws:sqs/queue:Queue", { kmsMasterKeyId: "alias/aws/sqs" }],
    ["a queue that takes plain HTTP", "aws:sqs/queue:Queue", { policy: undefined }],
    ["a secret without a key", "aws:secretsmanager/secret:Secret", { kmsKeyId: undefined }],
    ["logs without a key", "aws:cloudwatch/logGroup:LogGroup", { kmsKeyId: undefined }],
    ["a database in the clear", "aws:rds/cluster:Cluster", { storageEncrypted: false }],
    [
      "a database that answers without TLS",
      "aws:rds/clusterParameterGroup:ClusterParameterGroup",
      { parameters: [] },
    ],
    ["old TLS", "aws:lb/listener:Listener", { protocol: "HTTPS", sslPolicy: "ELBSecurityPolicy-2016-08" }],
    [
      "a listener that forwards plain HTTP",
      "aws:lb/listener:Listener",
      { protocol: "HTTP", defaultActions: [{ type: "forward" }] },
    ],
    ["a key that does not rotate", "aws:kms/key:Key", { enableKeyRotation: false }],
    [
      "a bucket policy that lets HTTP in",
      "aws:s3/bucketPolicy:BucketPolicy",
      { policy: JSON.stringify({ Statement: [] }) },
    ],
    ["a value in plain state", "aws:secretsmanager/secretVersion:SecretVersion", { secretString: "x" }],
    ["a file system nobody thought about", "aws:efs/fileSystem:FileSystem", {}],
  ])("notices %s", (_what, type, inputs) => {
    const resources = runs.get("a dedicated tenant in a VPC") ?? [];
    const [first] = resources.filter((resource) => resource.type === type);
    const broken = { type, name: first?.name ?? "new", inputs: { ...first?.inputs, ...inputs } };
    const others = resources.filter((resource) => resource !== first);
    expect(encryptionProblems([...others, broken]).join()).toContain(`${type} ${broken.name}`);
  });

  it("notices a bucket without its encryption", () => {
    const resources = runs.get("a hybrid tenant") ?? [];
    const without = resources.filter(({ type }) => !type.includes("ServerSideEncryption"));
    expect(encryptionProblems(without)).toEqual([
      "aws:s3/bucket:Bucket data: must have an encryption of its own",
    ]);
  });
});

/** Types that only some environments, or AWS's own components, make. */
const RARE = ["pulumi:providers:awsx"];
