/**
 * What `pulumi up` runs at the root of the repository: the shared plane of one environment in one region. A stack is
 * a plane; its file Pulumi.<stack>.yaml says which. The SDK takes a default export as the program, hence the
 * exception from named exports.
 */
import * as pulumi from "@pulumi/pulumi";
import { StackConfigError, stackConfigOf } from "../config.ts";
import { type PlaneConfig, parsePlaneConfig } from "./config.ts";
import { type PlaneProgramOutputs, planeProgram } from "./program.ts";

export default function planeStack(): Promise<PlaneProgramOutputs> {
  return planeProgram(readConfig());
}

function readConfig(): PlaneConfig {
  const stack = pulumi.getStack();
  try {
    return parsePlaneConfig(stack, stackConfigOf({ what: "plane", stack }, pulumi.runtime.allConfig()));
  } catch (error) {
    // Pulumi prints these without a stack trace: the user's settings are wrong, not the program.
    if (error instanceof StackConfigError) throw new pulumi.RunError(error.message);
    throw error;
  }
}
