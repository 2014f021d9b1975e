import { z } from "zod";
import { setting } from "./setting.ts";

/** Where planes are found, and how AWS is reached. */
export const cloudSettings = {
  planeProject: setting("Pulumi project of the planes (tenantry)", z.string().min(1).default("tenantry")),
  planeStacks: setting(
    "its stacks to record at the start, with commas between (dev)",
    z
      .string()
      .default("dev")
      .transform((names) => names.split(",").filter((name) => name !== "")),
  ),
  /** cloud: aws only. One URL for every AWS service, or service=url pairs separated by commas. */
  awsEndpoints: setting(
    "cloud aws: one URL for all services, or service=url pairs with commas between",
    z.string().optional(),
  ),
  /**
   * cloud: aws only. The role tenant stacks are run with: none (the service's own credentials), each plane's own
   * controller role, or one role for all planes.
   */
  awsAssumeRole: setting(
    "cloud aws: role the tenant stacks are run with: none, plane (each plane's own), or an ARN",
    z
      .string()
      .regex(
        /^(plane|none|arn:aws[a-z-]*:iam::\d{12}:role\/.+)$/,
        "must be `plane`, `none` or the ARN of an IAM role",
      )
      .default("none"),
  ),
  /** PEM file with the authorities of tenants' database servers; on AWS the bundle that RDS publishes. */
  databaseCaFile: setting(
    "PEM file with the authorities of tenants' databases: on AWS the bundle of RDS",
    z.string().min(1).optional(),
  ),
};
