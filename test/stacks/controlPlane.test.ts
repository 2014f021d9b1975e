/** The stack of the control service: it comes up, stays as it is, goes, and its tasks are what the service can read. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ContainerDefinition } from "../../components/controlPlane/containers.ts";
import { pulumiEnvironment } from "../../launcher/environment.ts";
import { readSettings, usage } from "../../service/config.ts";
import { type CloudObject, type EngineWorld, openWorld } from "../engine/world.ts";
import { scriptPulumi } from "./commands.ts";
import { allowed, type Role } from "./evaluator.ts";

const project = ["--project", "control-plane", "--stack", "dev"];
const TAG = "tag.tenantry:plane=control-dev";

describe("the control plane's stack", () => {
  let world: EngineWorld;
  beforeAll(async () => {
    world = await openWorld({ workers: 1 });
    await scriptPulumi(world.dataDir, "up", ...project, "--yes", "--skip-preview");
  });
  afterAll(() => world?.close());

  const listed = async (query: string): Promise<CloudObject[]> => {
    const answer = await world.control("GET", `/v1/resources?limit=1000&${query}`);
    return (answer as { resources: CloudObject[] }).resources;
  };
  const ofType = (type: string) => listed(`type=${type}&${TAG}`);
  const container = async (role: string): Promise<ContainerDefinition> => {
    const definitions = await ofType("aws:ecs/taskDefinition:TaskDefinition");
    const found = definitions.find(({ properties }) => properties.family === `tenantry-control-dev-${role}`);
    return JSON.parse(String(found?.properties.containerDefinitions))[0];
  };
  const outputs = async () =>
    JSON.parse(await scriptPulumi(world.dataDir, "stack", "output", ...project, "--json")) as Record<
      string,
      string
    >;

  it("stays as it is when applied again, signing key included", async () => {
    const again = await scriptPulumi(world.dataDir, "up", ...project, "--yes", "--skip-preview");
    expect(again).toMatch(/\d+ unchanged/);
    expect(again).not.toMatch(/\d+ (updated|replaced|created)/);
  });

  it.each(["api", "worker"])("starts the %s with settings that the service reads", async (role) => {
    const { command, environment, secrets, healthCheck } = await container(role);
    const [entry, ...flags] = command;
    expect(entry).toBe("service/main.ts");
    const variables = Object.fromEntries(environment.map(({ name, value }) => [name, value]));
    const settings = readSettings(flags, { ...variables, TENANTRY_SIGNING_KEY: "from the secret" });
    expect(settings).toMatchObject({
      ...{ role, cloud: "aws", host: "0.0.0.0", port: 7070, jsonLog: true, awsAssumeRole: "plane" },
      trustedProxies: role === "api" ? 1 : 0,
      planeStacks: ["dev"],
      signingKey: "from the secret",
    });
    expect(settings.databaseUrl).toMatch(/^postgres:\/\/[^@]+:5432\/tenantry\?sslmode=verify-full$/);
    expect(settings.drainMs).toBeLessThan((await container(role)).stopTimeout * 1000);
    const launchers = pulumiEnvironment({ dataDir: world.dataDir, cloud: "aws", inherited: variables });
    expect(launchers).toMatchObject({
      PULUMI_BACKEND_URL: variables.TENANTRY_STATE_URL,
      TENANTRY_SECRETS_PROVIDER: variables.TENANTRY_SECRETS_PROVIDER,
    });
    // A variable that nobody reads would be a setting that somebody believes in.
    const known = [...usage().matchAll(/TENANTRY_\w+/g)].map(([name]) => name);
    const ours = Object.keys(variables).filter((name) => name.startsWith("TENANTRY_"));
    const unread = ours.filter((name) => !known.includes(name));
    expect(unread.sort()).toEqual(["TENANTRY_SECRETS_PROVIDER", "TENANTRY_STATE_URL"]);
    expect(secrets.map(({ name }) => name)).toEqual(["PGPASSWORD", "PGUSER", "TENANTRY_SIGNING_KEY"]);
    expect(healthCheck.command).toEqual(["CMD", "node", "service/probe.ts"]);
  });

  it("gives the tasks secrets that are there, and no variable that holds one", async () => {
    const arns = (await listed("type=aws:secretsmanager/secret:Secret")).map(
      ({ properties }) => properties.arn,
    );
    const { databaseSecretArn } = await outputs();
    const { environment, secrets } = await container("worker");
    for (const { valueFrom } of secrets) {
      const arn = valueFrom.replace(/:(username|password)::$/, "");
      expect([...arns, databaseSecretArn]).toContain(arn);
    }
    expect(JSON.stringify(environment)).not.toMatch(/PRIVATE KEY|password/i);
    const state = await scriptPulumi(world.dataDir, "stack", "export", ...project);
    expect(state).not.toContain("PRIVATE KEY");
  });

  it("has no public address but NAT's, and keeps everything encrypted", async () => {
    const [balancer] = await ofType("aws:lb/loadBalancer:LoadBalancer");
    expect(balancer?.properties).toMatchObject({ internal: true, dropInvalidHeaderFields: true });
    const listeners = await ofType("aws:lb/listener:Listener");
    expect(listeners.map(({ properties }) => properties.protocol)).toEqual(["HTTPS"]);
    for (const { properties } of await ofType("aws:ecs/service:Service")) {
      expect(properties.networkConfiguration).toMatchObject({ assignPublicIp: false });
    }
    const [database] = await ofType("aws:rds/cluster:Cluster");
    expect(database?.properties).toMatchObject({ storageEncrypted: true, manageMasterUserPassword: true });
    const [parameters] = await ofType("aws:rds/clusterParameterGroup:ClusterParameterGroup");
    expect(JSON.stringify(parameters?.properties.parameters)).toContain("rds.force_ssl");
    const endpoints = await ofType("aws:ec2/vpcEndpoint:VpcEndpoint");
    const names = endpoints.map(({ properties }) => String(properties.serviceName).split("eu-west-1.")[1]);
    expect(names.sort()).toEqual(["ecr.api", "ecr.dkr", "kms", "logs", "s3", "secretsmanager", "sts"]);
    for (const { properties } of await ofType("aws:cloudwatch/logGroup:LogGroup")) {
      expect(properties.kmsKeyId).toMatch(/^arn:aws:kms:/);
    }
  });

  it("lets only workers write state, and nobody touch a tenant but as a plane's controller", async () => {
    const [bucket] = await ofType("aws:s3/bucket:Bucket");
    const { secretsProvider = "" } = await outputs();
    const secretsKey = /awskms:\/\/\/([^?]+)/.exec(secretsProvider)?.[1] ?? "";
    const policies = await listed("type=aws:iam/rolePolicy:RolePolicy");
    const roleOf = (name: string): Role => {
      const own = policies.filter(({ properties }) => properties.role === `tenantry-control-dev-${name}`);
      expect(own).toHaveLength(1);
      return {
        name,
        arn: `arn:aws:iam::123456789012:role/tenantry/control/dev/tenantry-control-dev-${name}`,
        tags: {},
        policies: own.map(({ properties }) => ({ name, policy: JSON.parse(String(properties.policy)) })),
      };
    };
    const account = String(bucket?.properties.arn && secretsKey.split(":")[4]);
    const tenantRole = `arn:aws:iam::${account}:role/tenantry/dev-eu-west-1/tenants/tn-dev-1-execution`;
    const state = `${bucket?.properties.arn}/.pulumi/stacks/x.json`;
    const cases: [string, string, boolean, boolean][] = [
      ["s3:GetObject", state, true, true],
      ["s3:PutObject", state, false, true],
      ["s3:DeleteObject", state, false, true],
      ["s3:GetObject", "arn:aws:s3:::some-other-bucket/x", false, false],
      ["kms:Decrypt", secretsKey, true, true],
      ["kms:Encrypt", secretsKey, false, true],
      ["kms:ScheduleKeyDeletion", secretsKey, false, false],
      ["ecs:UpdateService", `arn:aws:ecs:eu-west-1:${account}:service/c/s`, false, false],
      ["iam:CreateRole", tenantRole, false, false],
      [
        "secretsmanager:GetSecretValue",
        `arn:aws:secretsmanager:eu-west-1:${account}:secret:/dev/tenants/x`,
        false,
        false,
      ],
    ];
    for (const [action, resource, api, worker] of cases) {
      const access = { action, resource };
      expect([action, resource, await allowed(roleOf("api"), undefined, access)]).toEqual([
        action,
        resource,
        api,
      ]);
      expect([action, resource, await allowed(roleOf("worker"), undefined, access)]).toEqual([
        action,
        resource,
        worker,
      ]);
    }
    const trust = (await ofType("aws:iam/role:Role")).map(({ properties }) =>
      String(properties.assumeRolePolicy),
    );
    for (const policy of trust) expect(policy).toContain("ecs-tasks.amazonaws.com");
    const roles = `arn:aws:iam::${account}:role/tenantry/*/tenantry-*`;
    const become = `"Resource":["${roles}-controller","${roles}-automation"]`;
    expect(JSON.stringify(roleOf("worker").policies[0]?.policy)).toContain(become);
  });

  it("leaves nothing behind but keys and secrets in their recovery window", async () => {
    await scriptPulumi(world.dataDir, "destroy", ...project, "--yes", "--skip-preview");
    const left = await listed(TAG);
    expect(left.filter(({ state }) => state === "present").map(({ type }) => type)).toEqual([]);
  });
});
