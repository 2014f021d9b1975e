import * as pulumi from "@pulumi/pulumi";

/**
 * Pulumi's runtime mocks, recording what a program registers. They skip check, diff, defaults and previews: they show
 * wiring, the local cloud shows behaviour. One call per test file, since the mocks are the process's.
 */
export interface RecordedResource {
  readonly type: string;
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: inputs are whatever the program passed; tests look into them by path
  readonly inputs: Readonly<Record<string, any>>;
}

export interface MockedRun<Outputs> {
  readonly outputs: Outputs;
  readonly resources: readonly RecordedResource[];
}

type Call = (token: string, inputs: Readonly<Record<string, unknown>>) => Record<string, unknown> | undefined;

const recorded: RecordedResource[] = [];

export function recordWithMocks(
  options: { readonly project?: string; readonly stack?: string; readonly call?: Call } = {},
): void {
  pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        recorded.push({ type, name, inputs });
        return { id: `${name}-id`, state: { ...inputs, ...computed(type, name, inputs) } };
      },
      call: ({ token, inputs }) => options.call?.(token, inputs) ?? commonCall(token, inputs),
    },
    options.project ?? "project",
    options.stack ?? "stack",
    false,
  );
  acceptHooks();
}

/** The SDK's mocks know no resource hooks; without this a program that has one stops half way. */
function acceptHooks(): void {
  const monitor: unknown = pulumi.runtime.getMonitor();
  const registerResourceHook = (_request: unknown, done: (error: null, response: object) => void) =>
    done(null, {});
  if (typeof monitor === "object" && monitor !== null) Object.assign(monitor, { registerResourceHook });
}

/** Runs a program and waits until everything it registered is there. */
export async function runMocked<Outputs>(program: () => Promise<Outputs>): Promise<MockedRun<Outputs>> {
  recorded.length = 0;
  const outputs = await program();
  await allRegistered();
  return { outputs, resources: [...recorded] };
}

/** Runs a program that must refuse; resolves with why, and what it had registered by then. */
export async function runRefused(
  program: () => Promise<unknown>,
): Promise<{ readonly reason: string; readonly resources: readonly RecordedResource[] }> {
  recorded.length = 0;
  const reason = await program().then(
    () => "the program did not refuse",
    (error: unknown) => String(error),
  );
  await allRegistered();
  return { reason, resources: [...recorded] };
}

/** Registrations are fire-and-forget; this is what the SDK itself waits for at the end of a program. */
function allRegistered(): Promise<void> {
  return (pulumi.runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs();
}

export function ofType(
  run: { readonly resources: readonly RecordedResource[] },
  type: string,
): readonly RecordedResource[] {
  return run.resources.filter((resource) => resource.type === type);
}

export function resolved<Value>(output: pulumi.Input<Value>): Promise<Value> {
  return new Promise((resolve) => {
    pulumi.output(output).apply((value) => resolve(value as Value));
  });
}

// biome-ignore lint/suspicious/noExplicitAny: as the SDK's own mock arguments
function computed(type: string, name: string, inputs: any): Record<string, unknown> {
  const physical = inputs.name ?? inputs.bucket ?? name;
  const at = (service: string, resource: string) => ({
    arn: `arn:aws:${service}:eu-west-1:123456789012:${resource}`,
  });
  switch (type) {
    case "aws:iam/role:Role":
      return { name: physical, arn: `arn:aws:iam::123456789012:role${inputs.path ?? "/"}${physical}` };
    case "aws:iam/policy:Policy":
      return { name: physical, arn: `arn:aws:iam::123456789012:policy${inputs.path ?? "/"}${physical}` };
    case "aws:s3/bucket:Bucket":
      return { id: physical, arn: `arn:aws:s3:::${physical}` };
    case "aws:sqs/queue:Queue":
      return { ...at("sqs", physical), url: `https://sqs.eu-west-1.amazonaws.com/123456789012/${physical}` };
    case "aws:secretsmanager/secret:Secret":
      return at("secretsmanager", `secret:${physical}-AbCdEf`);
    case "aws:ecs/service:Service":
      return at("ecs", `service/cluster/${physical}`);
    case "aws:acm/certificate:Certificate":
      return {
        ...at("acm", "certificate/1"),
        domainValidationOptions: [
          {
            domainName: inputs.domainName,
            resourceRecordName: "_x",
            resourceRecordType: "CNAME",
            resourceRecordValue: "_y",
          },
        ],
      };
    case "aws:rds/clusterParameterGroup:ClusterParameterGroup":
    case "aws:rds/subnetGroup:SubnetGroup":
      return { ...at("rds", physical), name: physical };
    case "aws:kms/key:Key":
      // Each tenant's own key differs from the plane's.
      return at(
        "kms",
        `key/${inputs.tags?.["tenantry:tenant-id"] ?? "11111111-2222-4333-8444-666666666666"}`,
      );
    case "aws:ecs/cluster:Cluster":
      return at("ecs", `cluster/${physical}`);
    case "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace":
      return at("servicediscovery", "namespace/ns-abcdefghijklmnop");
    case "aws:lb/targetGroup:TargetGroup":
      return at("elasticloadbalancing", `targetgroup/${physical}/73e2d6bc24d8a067`);
    case "aws:lb/loadBalancer:LoadBalancer":
      return {
        ...at("elasticloadbalancing", `loadbalancer/app/${physical}/50dc6c495c0c9188`),
        dnsName: `${physical}.eu-west-1.elb.amazonaws.com`,
        zoneId: "Z0123456789",
      };
    case "aws:route53/zone:Zone":
      return { zoneId: "Z9876543210", nameServers: ["ns-1.awsdns-01.org"] };
    case "aws:rds/cluster:Cluster":
      return {
        ...at("rds", `cluster:${inputs.clusterIdentifier ?? physical}`),
        endpoint: "database.example",
        readerEndpoint: "reader.database.example",
        port: 5432,
        masterUserSecrets: [{ secretArn: at("secretsmanager", "secret:rds!cluster-1-AbCdEf").arn }],
      };
    case "awsx:ec2:Vpc":
      return {
        vpcId: "vpc-1",
        publicSubnetIds: ["subnet-a", "subnet-b"],
        privateSubnetIds: ["subnet-c", "subnet-d"],
        routeTables: [],
        routeTableAssociations: [
          { subnetId: "subnet-c", routeTableId: "rtb-c" },
          { subnetId: "subnet-d", routeTableId: "rtb-d" },
        ],
      };
    default:
      return at(type.split(/[:/]/)[1] ?? "aws", physical);
  }
}

function commonCall(token: string, inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  switch (token) {
    case "aws:index/getCallerIdentity:getCallerIdentity":
      return { accountId: "123456789012", arn: "arn:aws:iam::123456789012:user/test", userId: "test" };
    case "aws:index/getPartition:getPartition":
      return { partition: "aws", dnsSuffix: "amazonaws.com", id: "aws", reverseDnsPrefix: "com.amazonaws" };
    case "aws:index/getAvailabilityZones:getAvailabilityZones":
      return {
        names: ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
        zoneIds: ["euw1-az1", "euw1-az2", "euw1-az3"],
      };
    default:
      return { ...inputs };
  }
}
