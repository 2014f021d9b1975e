/** ECS and its autoscaling. */
import type { Case } from "../case.ts";
import { asSetup, on } from "../case.ts";
import { network, subnetA } from "./network.ts";

const cluster = on("aws:ecs/cluster:Cluster");
const providers = on("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders");
const task = on("aws:ecs/taskDefinition:TaskDefinition");
const service = on("aws:ecs/service:Service");
const target = on("aws:appautoscaling/target:Target");
const scaling = on("aws:appautoscaling/policy:Policy");

const ECS = "arn:aws:ecs:eu-west-1:123456789012";
const LONG = "a".repeat(256);
const app = [{ name: "app", image: "example/app:1", essential: true, portMappings: [{ containerPort: 80 }] }];
const containerDefinitions = JSON.stringify(app);

const webCluster = cluster.create(
  "web",
  { name: "web" },
  [["ecs", "create_cluster", { clusterName: "web" }]],
  {
    id: "cluster.clusterArn",
    arn: "cluster.clusterArn",
    name: "cluster.clusterName",
    settings: "cluster.settings",
  },
);

const clusters: Case = {
  name: "clusters",
  steps: [
    webCluster,
    cluster.create("longName", { name: LONG }, [["ecs", "create_cluster", { clusterName: LONG }]]),
    cluster.create("badName", { name: "a b" }, [["ecs", "create_cluster", { clusterName: "a b" }]]),
    providers.create(
      "providers",
      { clusterName: "web", capacityProviders: ["FARGATE"] },
      [
        [
          "ecs",
          "put_cluster_capacity_providers",
          { cluster: "web", capacityProviders: ["FARGATE"], defaultCapacityProviderStrategy: [] },
        ],
      ],
      { clusterName: "cluster.clusterName", capacityProviders: "cluster.capacityProviders" },
    ),
    providers.create("providersNoCluster", { clusterName: "lost", capacityProviders: ["FARGATE"] }, [
      [
        "ecs",
        "put_cluster_capacity_providers",
        { cluster: "lost", capacityProviders: ["FARGATE"], defaultCapacityProviderStrategy: [] },
      ],
    ]),
    cluster.delete("clusterGone", "web", [["ecs", "delete_cluster", { cluster: "web" }]]),
  ],
};

const fargate = {
  family: "app",
  networkMode: "awsvpc",
  requiresCompatibilities: ["FARGATE"],
  cpu: "256",
  memory: "512",
};
const register = (parameters: Record<string, unknown>) =>
  ["ecs", "register_task_definition", parameters] as const;

const appTask = task.create(
  "app",
  { ...fargate, containerDefinitions },
  [register({ ...fargate, containerDefinitions: app })],
  {
    id: "taskDefinition.taskDefinitionArn",
    arn: "taskDefinition.taskDefinitionArn",
    revision: "taskDefinition.revision",
    family: "taskDefinition.family",
    networkMode: "taskDefinition.networkMode",
  },
);

const tasks: Case = {
  name: "task definitions",
  steps: [
    appTask,
    task.create(
      "second",
      { ...fargate, containerDefinitions },
      [register({ ...fargate, containerDefinitions: app })],
      { arn: "taskDefinition.taskDefinitionArn", revision: "taskDefinition.revision" },
    ),
    task.delete("secondGone", "second", [["ecs", "deregister_task_definition", { taskDefinition: "app:2" }]]),
    task.create(
      "third",
      { ...fargate, containerDefinitions },
      [register({ ...fargate, containerDefinitions: app })],
      { arn: "taskDefinition.taskDefinitionArn", revision: "taskDefinition.revision" },
    ),
    task.create(
      "plain",
      { family: "plain", containerDefinitions: JSON.stringify([{ ...app[0], memory: 128 }]) },
      [register({ family: "plain", containerDefinitions: [{ ...app[0], memory: 128 }] })],
      { arn: "taskDefinition.taskDefinitionArn", networkMode: "taskDefinition.networkMode" },
    ),
    task.create("badSize", { ...fargate, memory: "600", containerDefinitions }, [
      register({ ...fargate, memory: "600", containerDefinitions: app }),
    ]),
    task.create(
      "noCpu",
      { family: "a", requiresCompatibilities: ["FARGATE"], networkMode: "awsvpc", containerDefinitions },
      [
        register({
          family: "a",
          requiresCompatibilities: ["FARGATE"],
          networkMode: "awsvpc",
          containerDefinitions: app,
        }),
      ],
    ),
    task.create("bridge", { ...fargate, networkMode: "bridge", containerDefinitions }, [
      register({ ...fargate, networkMode: "bridge", containerDefinitions: app }),
    ]),
    task.create("badFamily", { ...fargate, family: "a b", containerDefinitions }, [
      register({ ...fargate, family: "a b", containerDefinitions: app }),
    ]),
  ],
};

const awsvpc = { networkConfiguration: { subnets: ["{{subnetA.id}}"], securityGroups: [] } };
const Awsvpc = {
  networkConfiguration: {
    awsvpcConfiguration: {
      subnets: ["{{subnetA.Subnet.SubnetId}}"],
      securityGroups: [],
      assignPublicIp: "DISABLED",
    },
  },
};
const fleet = {
  name: "api",
  cluster: "{{web.id}}",
  taskDefinition: "{{app.id}}",
  launchType: "FARGATE",
  desiredCount: 2,
  ...awsvpc,
};
const Fleet = {
  serviceName: "api",
  cluster: "web",
  taskDefinition: "app",
  launchType: "FARGATE",
  desiredCount: 2,
  ...Awsvpc,
};
const setup = [asSetup(network), asSetup(subnetA), asSetup(webCluster), asSetup(appTask)];

const api = service.create("api", fleet, [["ecs", "create_service", Fleet]], {
  id: "service.serviceArn",
  arn: "service.serviceArn",
  name: "service.serviceName",
  cluster: "service.clusterArn",
  desiredCount: "service.desiredCount",
  launchType: "service.launchType",
  platformVersion: "service.platformVersion",
  schedulingStrategy: "service.schedulingStrategy",
  taskDefinition: "service.taskDefinition",
  deploymentMaximumPercent: "service.deploymentConfiguration.maximumPercent",
  deploymentMinimumHealthyPercent: "service.deploymentConfiguration.minimumHealthyPercent",
  enableEcsManagedTags: "service.enableECSManagedTags",
  enableExecuteCommand: "service.enableExecuteCommand",
});

const services: Case = {
  name: "services",
  steps: [
    ...setup,
    api,
    service.create("apiTwice", { ...fleet, desiredCount: 3 }, [
      ["ecs", "create_service", { ...Fleet, desiredCount: 3 }],
    ]),
    service.create("serviceNoCluster", { ...fleet, name: "b", cluster: `${ECS}:cluster/lost` }, [
      ["ecs", "create_service", { ...Fleet, serviceName: "b", cluster: `${ECS}:cluster/lost` }],
    ]),
    service.create("serviceNoTask", { ...fleet, name: "b", taskDefinition: "lost:1" }, [
      ["ecs", "create_service", { ...Fleet, serviceName: "b", taskDefinition: "lost:1" }],
    ]),
    service.create(
      "serviceNoNetwork",
      { name: "b", cluster: "{{web.id}}", taskDefinition: "{{app.id}}", launchType: "FARGATE" },
      [
        [
          "ecs",
          "create_service",
          { serviceName: "b", cluster: "web", taskDefinition: "app", launchType: "FARGATE" },
        ],
      ],
    ),
    service.create("serviceLongName", { ...fleet, name: LONG }, [
      ["ecs", "create_service", { ...Fleet, serviceName: LONG }],
    ]),
    service.create("serviceBadLaunch", { ...fleet, name: "b", launchType: "MOON" }, [
      ["ecs", "create_service", { ...Fleet, serviceName: "b", launchType: "MOON" }],
    ]),
    service.update(
      "apiScaled",
      "api",
      { ...fleet, desiredCount: 3 },
      [["ecs", "update_service", { cluster: "web", service: "api", desiredCount: 3 }]],
      { desiredCount: "service.desiredCount", taskDefinition: "service.taskDefinition" },
    ),
    service.update("apiLostTask", "api", { ...fleet, taskDefinition: "lost:1" }, [
      ["ecs", "update_service", { cluster: "web", service: "api", taskDefinition: "lost:1" }],
    ]),
    cluster.delete("clusterInUse", "web", [["ecs", "delete_cluster", { cluster: "web" }]]),
    service.delete("apiGone", "api", [
      ["ecs", "delete_service", { cluster: "web", service: "api", force: true }],
    ]),
    cluster.delete("clusterGone", "web", [["ecs", "delete_cluster", { cluster: "web" }]]),
  ],
};

const dimension = { serviceNamespace: "ecs", scalableDimension: "ecs:service:DesiredCount" };
const Dimension = { ServiceNamespace: "ecs", ScalableDimension: "ecs:service:DesiredCount" };
const tracking = {
  targetValue: 50,
  predefinedMetricSpecification: { predefinedMetricType: "ECSServiceAverageCPUUtilization" },
};
const Tracking = {
  TargetValue: 50,
  PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageCPUUtilization" },
};

const autoscaling: Case = {
  name: "autoscaling",
  steps: [
    ...setup,
    asSetup(api),
    target.create(
      "target",
      { ...dimension, resourceId: "service/web/api", minCapacity: 1, maxCapacity: 4 },
      [
        [
          "application-autoscaling",
          "register_scalable_target",
          { ...Dimension, ResourceId: "service/web/api", MinCapacity: 1, MaxCapacity: 4 },
        ],
        [
          "application-autoscaling",
          "describe_scalable_targets",
          { ServiceNamespace: "ecs", ResourceIds: ["service/web/api"] },
        ],
      ],
      {
        id: "ScalableTargets.0.ResourceId",
        arn: "ScalableTargetARN",
        roleArn: "ScalableTargets.0.RoleARN",
        minCapacity: "ScalableTargets.0.MinCapacity",
      },
    ),
    target.create(
      "targetNoService",
      { ...dimension, resourceId: "service/web/lost", minCapacity: 1, maxCapacity: 4 },
      [
        [
          "application-autoscaling",
          "register_scalable_target",
          { ...Dimension, ResourceId: "service/web/lost", MinCapacity: 1, MaxCapacity: 4 },
        ],
      ],
    ),
    target.create(
      "targetUpsideDown",
      { ...dimension, resourceId: "service/web/api", minCapacity: 4, maxCapacity: 1 },
      [
        [
          "application-autoscaling",
          "register_scalable_target",
          { ...Dimension, ResourceId: "service/web/api", MinCapacity: 4, MaxCapacity: 1 },
        ],
      ],
    ),
    target.create(
      "targetElsewhere",
      {
        serviceNamespace: "moon",
        scalableDimension: "moon:x:Y",
        resourceId: "x",
        minCapacity: 1,
        maxCapacity: 4,
      },
      [
        [
          "application-autoscaling",
          "register_scalable_target",
          {
            ServiceNamespace: "moon",
            ScalableDimension: "moon:x:Y",
            ResourceId: "x",
            MinCapacity: 1,
            MaxCapacity: 4,
          },
        ],
      ],
    ),
    scaling.create(
      "scaling",
      {
        ...dimension,
        name: "cpu",
        resourceId: "service/web/api",
        policyType: "TargetTrackingScaling",
        targetTrackingScalingPolicyConfiguration: tracking,
      },
      [
        [
          "application-autoscaling",
          "put_scaling_policy",
          {
            ...Dimension,
            PolicyName: "cpu",
            ResourceId: "service/web/api",
            PolicyType: "TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration: Tracking,
          },
        ],
      ],
      {
        arn: "PolicyARN",
        "alarmArns.0": "Alarms.0.AlarmARN",
        "alarmArns.1": "Alarms.1.AlarmARN",
        "alarmArns.2": "Alarms.2.AlarmARN",
      },
    ),
    scaling.create(
      "scalingNoTarget",
      {
        ...dimension,
        name: "cpu",
        resourceId: "service/web/lost",
        policyType: "TargetTrackingScaling",
        targetTrackingScalingPolicyConfiguration: tracking,
      },
      [
        [
          "application-autoscaling",
          "put_scaling_policy",
          {
            ...Dimension,
            PolicyName: "cpu",
            ResourceId: "service/web/lost",
            PolicyType: "TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration: Tracking,
          },
        ],
      ],
    ),
  ],
};

export const containerCases: readonly Case[] = [clusters, tasks, services, autoscaling];
