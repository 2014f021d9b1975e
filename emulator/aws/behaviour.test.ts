/** What types promise over time and between objects: revisions, recovery windows, quotas, autoscaling, validation. */
import { beforeEach, describe, expect, test } from "vitest";
import { object } from "../values.ts";
import { type Account, errorCode, inMemoryAccount, type Made } from "./testAccount.ts";

const DAY_MS = 86_400_000;
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ecs-tasks.amazonaws.com" } },
  ],
});
const CONTAINERS = JSON.stringify([{ name: "app", image: "example/app:1" }]);

let nowMs: number;
let account: Account;

beforeEach(() => {
  nowMs = Date.parse("2026-01-01T00:00:00Z");
  account = inMemoryAccount(() => nowMs);
});

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return errorCode(error);
  }
  return "accepted";
}

function network(): { vpc: Made; subnets: readonly Made[]; group: Made } {
  const vpc = account.create("aws:ec2/vpc:Vpc", { cidrBlock: "10.0.0.0/16" });
  const subnets = ["a", "b"].map((zone, index) =>
    account.create("aws:ec2/subnet:Subnet", {
      vpcId: vpc.id,
      cidrBlock: `10.0.${index}.0/24`,
      availabilityZone: `eu-west-1${zone}`,
    }),
  );
  const group = account.create("aws:ec2/securityGroup:SecurityGroup", { name: "web", vpcId: vpc.id });
  return { vpc, subnets, group };
}

function taskDefinition(inputs = {}): Made {
  return account.create("aws:ecs/taskDefinition:TaskDefinition", {
    family: "app",
    containerDefinitions: CONTAINERS,
    requiresCompatibilities: ["FARGATE"],
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    ...inputs,
  });
}

function service(inputs = {}): Made {
  const { subnets, group } = network();
  account.create("aws:ecs/cluster:Cluster", { name: "main" });
  return account.create("aws:ecs/service:Service", {
    name: "app",
    cluster: "main",
    desiredCount: 1,
    launchType: "FARGATE",
    taskDefinition: taskDefinition().id,
    networkConfiguration: { subnets: subnets.map(({ id }) => id), securityGroups: [group.id] },
    ...inputs,
  });
}

describe("ECS", () => {
  test("revisions count up and are never given twice", () => {
    const first = taskDefinition();
    expect(first.properties.revision).toBe(1);
    account.delete("aws:ecs/taskDefinition:TaskDefinition", first.id);
    expect(taskDefinition().properties.revision).toBe(2);
    expect(taskDefinition({ family: "other" }).properties.revision).toBe(1);
  });

  test("a service's subnets, groups and cluster cannot go before it", () => {
    const made = service();
    const { subnets, securityGroups } = object(made.properties, "networkConfiguration") ?? {};
    expect(refusal(() => account.delete("aws:ec2/subnet:Subnet", String(Array(subnets).flat()[0])))).toBe(
      "DependencyViolation",
    );
    expect(
      refusal(() =>
        account.delete("aws:ec2/securityGroup:SecurityGroup", String(Array(securityGroups).flat()[0])),
      ),
    ).toBe("DependencyViolation");
    const cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/main";
    expect(refusal(() => account.delete("aws:ecs/cluster:Cluster", cluster))).toBe(
      "ClusterContainsServicesException",
    );
    account.delete("aws:ecs/service:Service", made.id);
    expect(refusal(() => account.delete("aws:ecs/cluster:Cluster", cluster))).toBe("accepted");
  });

  test("a deregistered task definition serves nobody new", () => {
    const made = service();
    account.delete("aws:ecs/taskDefinition:TaskDefinition", String(made.properties.taskDefinition));
    expect(
      refusal(() => account.update("aws:ecs/service:Service", made, made.properties, { ...made.properties })),
    ).toBe("ClientException");
  });

  test("a missing role keeps a service from running, and a new revision heals it", () => {
    const made = service();
    const role = "arn:aws:iam::123456789012:role/absent";
    const broken = { ...made.properties, taskDefinition: taskDefinition({ taskRoleArn: role }).id };
    account.update("aws:ecs/service:Service", made, made.properties, broken);
    const stored = () => account.context.byId("aws:ecs/service:Service", made.id)?.runtime;
    expect(stored()?.reason).toContain(role);
    account.update("aws:ecs/service:Service", made, broken, {
      ...broken,
      taskDefinition: taskDefinition().id,
    });
    expect(stored()?.reason).toBeUndefined();
  });
});

describe("autoscaling", () => {
  const target = {
    resourceId: "service/main/app",
    scalableDimension: "ecs:service:DesiredCount",
    serviceNamespace: "ecs",
  };
  const targetType = "aws:appautoscaling/target:Target";

  test("keeps the count within its bounds, and a program that does not name a new one leaves it", () => {
    const made = service();
    account.create(targetType, { ...target, minCapacity: 3, maxCapacity: 6 });
    expect(account.read("aws:ecs/service:Service", made.id)?.desiredCount).toBe(3);
    const inputs = { ...made.properties, propagateTags: "SERVICE" };
    account.update("aws:ecs/service:Service", made, made.properties, inputs);
    expect(account.read("aws:ecs/service:Service", made.id)?.desiredCount).toBe(3);
    account.update("aws:ecs/service:Service", made, inputs, { ...inputs, desiredCount: 5 });
    expect(account.read("aws:ecs/service:Service", made.id)?.desiredCount).toBe(5);
  });

  test("a suspended service's bounds of zero take its tasks away", () => {
    const made = service();
    account.create(targetType, { ...target, minCapacity: 0, maxCapacity: 0 });
    expect(account.read("aws:ecs/service:Service", made.id)?.desiredCount).toBe(0);
  });

  test("policies need a target and go with it", () => {
    service();
    const policy = { ...target, name: "cpu", policyType: "TargetTrackingScaling" };
    const create = () => account.create("aws:appautoscaling/policy:Policy", policy);
    expect(refusal(create)).toBe("ObjectNotFoundException");
    account.create(targetType, { ...target, minCapacity: 1, maxCapacity: 2 });
    const made = create();
    account.delete(targetType, target.resourceId);
    expect(account.read("aws:appautoscaling/policy:Policy", made.id)).toBeUndefined();
  });
});

describe("recovery windows", () => {
  const secretType = "aws:secretsmanager/secret:Secret";

  test("a secret keeps its name until the window is over", () => {
    const made = account.create(secretType, { name: "a/b", recoveryWindowInDays: 7 });
    account.delete(secretType, made.id);
    const again = () => account.create(secretType, { name: "a/b" });
    expect(refusal(again)).toBe("InvalidRequestException");
    nowMs += 7 * DAY_MS;
    expect(refusal(again)).toBe("accepted");
  });

  test("a window of zero frees the name at once", () => {
    const made = account.create(secretType, { name: "a/b", recoveryWindowInDays: 0 });
    account.delete(secretType, made.id);
    expect(refusal(() => account.create(secretType, { name: "a/b" }))).toBe("accepted");
  });

  test("a key on its way out takes no alias", () => {
    const key = account.create("aws:kms/key:Key", {});
    account.delete("aws:kms/key:Key", key.id);
    const alias = { name: "alias/data", targetKeyId: key.id };
    expect(refusal(() => account.create("aws:kms/alias:Alias", alias))).toBe("KMSInvalidStateException");
  });
});

describe("quotas", () => {
  test("inline policies of a role count together", () => {
    account.create("aws:iam/role:Role", { name: "app", assumeRolePolicy: TRUST });
    const resources = Array.from({ length: 110 }, (_, index) => `arn:aws:s3:::bucket-of-tenant-${index}/*`);
    const policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: resources }],
    });
    const put = (name: string) =>
      account.create("aws:iam/rolePolicy:RolePolicy", { name, role: "app", policy });
    expect(refusal(() => put("one"))).toBe("accepted");
    expect(refusal(() => put("two"))).toBe("accepted");
    expect(refusal(() => put("three"))).toBe("LimitExceeded");
  });

  test("a load balancer takes a hundred rules", () => {
    const { subnets } = network();
    const balancer = account.create("aws:lb/loadBalancer:LoadBalancer", {
      name: "web",
      subnets: subnets.map(({ id }) => id),
    });
    const fixed = [
      { type: "fixed-response", fixedResponse: { contentType: "text/plain", statusCode: "404" } },
    ];
    const listener = account.create("aws:lb/listener:Listener", {
      loadBalancerArn: balancer.id,
      port: 80,
      protocol: "HTTP",
      defaultActions: fixed,
    });
    const rule = (priority: number) =>
      account.create("aws:lb/listenerRule:ListenerRule", {
        listenerArn: listener.id,
        priority,
        actions: fixed,
        conditions: [{ pathPattern: { values: [`/${priority}`] } }],
      });
    for (let priority = 1; priority <= 100; priority++) rule(priority);
    expect(refusal(() => rule(100))).toBe("PriorityInUse");
    expect(refusal(() => rule(101))).toBe("TooManyRules");
  });
});

test("a certificate is issued once its record stands in a zone, and only then serves a listener", () => {
  const certificate = account.create("aws:acm/certificate:Certificate", {
    domainName: "*.example.com",
    subjectAlternativeNames: ["example.com"],
    validationMethod: "DNS",
  });
  const status = () => account.read("aws:acm/certificate:Certificate", certificate.id)?.status;
  const options = [certificate.properties.domainValidationOptions].flat();
  expect(options).toHaveLength(2);
  expect(status()).toBe("PENDING_VALIDATION");
  const zone = account.create("aws:route53/zone:Zone", { name: "example.com" });
  const [option] = options as Record<string, string>[];
  account.create("aws:route53/record:Record", {
    zoneId: zone.id,
    name: option?.resourceRecordName ?? "",
    type: "CNAME",
    ttl: 60,
    records: [option?.resourceRecordValue ?? ""],
  });
  expect(status()).toBe("ISSUED");
});

test("bucket names are taken in every account, and objects hold their bucket", () => {
  const bucket = account.create("aws:s3/bucket:Bucket", { bucket: "data-1" });
  expect(refusal(() => account.create("aws:s3/bucket:Bucket", { bucket: "data-1" }))).toBe(
    "BucketAlreadyOwnedByYou",
  );
  account.create("aws:s3/bucketObjectv2:BucketObjectv2", { bucket: "data-1", key: "a", content: "x" });
  expect(refusal(() => account.delete("aws:s3/bucket:Bucket", bucket.id))).toBe("BucketNotEmpty");
});

test("a queue made again with other attributes is refused, with the same it is the same queue", () => {
  const queue = (seconds: number) =>
    account.create("aws:sqs/queue:Queue", { name: "jobs", visibilityTimeoutSeconds: seconds });
  const first = queue(30);
  expect(queue(30).id).toBe(first.id);
  expect(refusal(() => queue(60))).toBe("QueueAlreadyExists");
});
