import { SERVICE_NAMES } from "../../components/tenantServiceSet/services.ts";
import type { PlaneOutputs } from "../plane/outputs.ts";
import { type Isolation, isolationOf, type ServiceName, type TenantSpec } from "../tenant/spec.ts";

/** A complete plane and a complete spec for tests; every part can be overridden. */
export interface SpecChoices {
  readonly tenantId?: string;
  readonly slug?: string;
  readonly environment?: PlaneOutputs["environment"];
  readonly region?: string;
  readonly generation?: number;
  readonly workload?: TenantSpec["workload"];
  readonly planKey?: string;
  readonly minCount?: number;
  readonly maxCount?: number;
  readonly releaseNumber?: number;
  readonly settings?: Readonly<Record<string, string>>;
  readonly secretRefs?: Readonly<Record<string, string>>;
  readonly plane?: PlaneOutputs;
  readonly isolation?: Isolation;
}

export const TENANT_ID = "0b54c7a1-6f43-4a0e-9a55-6d2f1c3e8b01";
const ACCOUNT_ID = "123456789012";

export function planeOutputs(
  environment: PlaneOutputs["environment"] = "dev",
  region = "eu-west-1",
): PlaneOutputs {
  const plane = `${environment}-${region}`;
  const at = (service: string, resource: string) => `arn:aws:${service}:${region}:${ACCOUNT_ID}:${resource}`;
  return {
    formatVersion: 1,
    planeName: plane,
    environment,
    region,
    accountId: ACCOUNT_ID,
    partition: "aws",
    domain: `${environment}.tenants.example`,
    vpcId: "vpc-0a1b2c3d4e5f60718",
    availabilityZones: [`${region}a`, `${region}b`],
    publicSubnetIds: ["subnet-0000000000000000a", "subnet-0000000000000000b"],
    privateSubnetIds: ["subnet-0000000000000000c", "subnet-0000000000000000d"],
    privateRouteTableIds: ["rtb-0000000000000000c", "rtb-0000000000000000d"],
    vpcCidrBlock: "10.32.0.0/16",
    routerSecurityGroupId: "sg-0000000000000000a",
    taskSecurityGroupId: "sg-0000000000000000b",
    clusterName: `tenantry-${plane}`,
    clusterArn: at("ecs", `cluster/tenantry-${plane}`),
    serviceNamespaceId: "ns-abcdefghijklmnop",
    serviceNamespaceName: `${plane}.tenantry.internal`,
    loadBalancerArn: at("elasticloadbalancing", "loadbalancer/app/entry/50dc6c495c0c9188"),
    loadBalancerDnsName: `entry-1.${region}.elb.amazonaws.com`,
    httpsListenerArn: at("elasticloadbalancing", "listener/app/entry/50dc6c495c0c9188/f2f7dc8efc522ab2"),
    routerServiceArn: at("ecs", `service/tenantry-${plane}/router`),
    dnsZoneId: "Z0123456789ABCDEFGHIJ",
    dnsNameServers: ["ns-1.awsdns-01.org"],
    certificateArn: at("acm", "certificate/11111111-2222-4333-8444-555555555555"),
    dataBucketName: `tenantry-${plane}-${ACCOUNT_ID}-data`,
    dataBucketArn: `arn:aws:s3:::tenantry-${plane}-${ACCOUNT_ID}-data`,
    snapshotBucketName: `tenantry-${plane}-${ACCOUNT_ID}-snapshots`,
    snapshotBucketArn: `arn:aws:s3:::tenantry-${plane}-${ACCOUNT_ID}-snapshots`,
    archiveBucketName: `tenantry-${plane}-${ACCOUNT_ID}-archive`,
    kmsKeyArn: at("kms", "key/11111111-2222-4333-8444-666666666666"),
    databaseClusterIdentifier: `tenantry-${plane}`,
    databaseEndpoint: `tenantry-${plane}.cluster-abc.${region}.rds.amazonaws.com`,
    databaseReaderEndpoint: `tenantry-${plane}.cluster-ro-abc.${region}.rds.amazonaws.com`,
    databasePort: 5432,
    databaseName: "tenantry",
    databaseMasterSecretArn: at("secretsmanager", "secret:rds!cluster-1-AbCdEf"),
    tenantBoundaryArn: `arn:aws:iam::${ACCOUNT_ID}:policy/tenantry/${plane}/tenant-boundary`,
    tenantRolePath: `/tenantry/${plane}/tenants/`,
    controllerRoleArn: `arn:aws:iam::${ACCOUNT_ID}:role/tenantry/${plane}/controller`,
    logRetentionDays: 30,
    secretRecoveryDays: environment === "prod" ? 30 : 0,
  };
}

export function tenantSpec(choices: SpecChoices = {}): TenantSpec {
  const outputs = choices.plane ?? planeOutputs(choices.environment, choices.region);
  return {
    formatVersion: 1,
    tenant: {
      tenantId: choices.tenantId ?? TENANT_ID,
      slug: choices.slug ?? "acme",
      displayName: "Acme",
      dataClassification: "confidential",
    },
    environment: outputs.environment,
    generation: choices.generation ?? 1,
    isolation: choices.isolation ?? isolationOf("pooled"),
    plane: { name: outputs.planeName, region: outputs.region, accountId: outputs.accountId, outputs },
    plan: {
      key: choices.planKey ?? "starter",
      services: perService(() => ({
        cpu: 256,
        memoryMiB: 512,
        minCount: choices.minCount ?? 1,
        maxCount: choices.maxCount ?? 3,
      })),
    },
    release: {
      releaseId: `rel-${choices.releaseNumber ?? 1}`,
      number: choices.releaseNumber ?? 1,
      services: perService((service) => ({
        image: `registry.example/${service}:${choices.releaseNumber ?? 1}.0.0`,
        environment: { LOG_LEVEL: "info" },
      })),
    },
    config: { settings: { ...choices.settings }, secretRefs: { ...choices.secretRefs } },
    workload: choices.workload ?? "running",
    access: "open",
    programVersion: { program: "test", providers: { aws: "7.48.0" } },
    provider: { region: outputs.region },
  };
}

export function perService<Value>(value: (service: ServiceName) => Value): Record<ServiceName, Value> {
  return Object.fromEntries(SERVICE_NAMES.map((service) => [service, value(service)])) as Record<
    ServiceName,
    Value
  >;
}
