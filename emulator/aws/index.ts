import type { DataSource, ResourceType } from "../resourceType.ts";
import { queue } from "./sqs.ts";

/** Every resource type the local cloud imitates. */
export const resourceTypes: readonly ResourceType[] = [queue];

/** Every function of the provider it answers. */
export const dataSources: readonly DataSource[] = [];
