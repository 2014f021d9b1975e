/**
 * All of AWS that the local cloud imitates. A type is listed here or the provider answers that it is not emulated.
 *
 * Each file holds one service, or one part of a large one: names as AWS checks them, defaults and computed attributes
 * as the provider reports them, ids and ARNs of AWS's shape, and AWS's own refusals. `emulator/oracle/` compares them
 * with an implementation that is not ours. Quotas are those a fleet of tenants would meet in one account.
 */
import type { ResourceType } from "../resourceType.ts";
import * as acm from "./acm.ts";
import * as appAutoScaling from "./appAutoScaling.ts";
import * as ec2Addresses from "./ec2Addresses.ts";
import * as ec2Endpoint from "./ec2Endpoint.ts";
import * as ec2Network from "./ec2Network.ts";
import * as ec2Routing from "./ec2Routing.ts";
import * as ec2SecurityGroups from "./ec2SecurityGroups.ts";
import * as ecsCluster from "./ecsCluster.ts";
import * as ecsService from "./ecsService.ts";
import * as ecsTaskDefinition from "./ecsTaskDefinition.ts";
import * as iamPolicy from "./iamPolicy.ts";
import * as iamRole from "./iamRole.ts";
import * as kms from "./kms.ts";
import * as lbBalancer from "./lbBalancer.ts";
import * as lbListener from "./lbListener.ts";
import * as lbTargetGroup from "./lbTargetGroup.ts";
import * as logs from "./logs.ts";
import * as rdsCluster from "./rdsCluster.ts";
import * as rdsGroups from "./rdsGroups.ts";
import * as rdsInstance from "./rdsInstance.ts";
import * as route53 from "./route53.ts";
import * as s3Bucket from "./s3Bucket.ts";
import * as s3BucketSettings from "./s3BucketSettings.ts";
import * as s3Object from "./s3Object.ts";
import * as secretsManager from "./secretsManager.ts";
import * as serviceDiscovery from "./serviceDiscovery.ts";
import * as sqs from "./sqs.ts";

export { dataSources } from "./dataSources.ts";

export const resourceTypes: readonly ResourceType[] = [
  acm.certificate,
  acm.certificateValidation,
  appAutoScaling.policy,
  appAutoScaling.target,
  ec2Endpoint.vpcEndpoint,
  ec2Network.internetGateway,
  ec2Network.subnet,
  ec2Network.vpc,
  ec2Addresses.eip,
  ec2Addresses.natGateway,
  ec2Routing.route,
  ec2Routing.routeTable,
  ec2Routing.routeTableAssociation,
  ec2SecurityGroups.securityGroup,
  ec2SecurityGroups.securityGroupEgressRule,
  ec2SecurityGroups.securityGroupIngressRule,
  ecsCluster.cluster,
  ecsCluster.clusterCapacityProviders,
  ecsService.service,
  ecsTaskDefinition.taskDefinition,
  iamPolicy.policy,
  iamRole.role,
  iamRole.rolePolicy,
  iamRole.rolePolicyAttachment,
  kms.alias,
  kms.key,
  lbBalancer.loadBalancer,
  lbListener.listener,
  lbListener.listenerRule,
  lbTargetGroup.targetGroup,
  logs.logGroup,
  rdsCluster.cluster,
  rdsGroups.clusterParameterGroup,
  rdsGroups.subnetGroup,
  rdsInstance.clusterInstance,
  route53.record,
  route53.zone,
  s3Bucket.bucket,
  s3BucketSettings.bucketLifecycleConfiguration,
  s3BucketSettings.bucketOwnershipControls,
  s3BucketSettings.bucketPolicy,
  s3BucketSettings.bucketPublicAccessBlock,
  s3BucketSettings.bucketServerSideEncryptionConfiguration,
  s3BucketSettings.bucketVersioning,
  s3Object.accessPoint,
  s3Object.bucketObject,
  secretsManager.secret,
  secretsManager.secretVersion,
  serviceDiscovery.privateDnsNamespace,
  serviceDiscovery.service,
  sqs.queue,
  sqs.queuePolicy,
];
