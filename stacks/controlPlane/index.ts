/**
 * What `pulumi up` runs in this folder: the control service of one environment. The SDK takes a default export as the
 * program, hence the exception from named exports.
 */
import * as pulumi from "@pulumi/pulumi";
import { StackConfigError, stackConfigOf } from "../config.ts";
import { type ControlPlaneConfig, parseControlPlaneConfig } from "./config.ts";
import { type ControlPlaneOutputs, controlPlaneProgram } from "./program.ts";

export default function controlPlaneStack(): Promise<ControlPlaneOutputs> {
  return controlPlaneProgram(readConfig());
}

function readConfig(): ControlPlaneConfig {
  const stack = pulumi.getStack();
  try {
    return parseControlPlaneConfig(
      stack,
      stackConfigOf({ what: "control plane", stack }, pulumi.runtime.allConfig()),
    );
  } catch (error) {
    // Pulumi prints these without a stack trace: the user's settings are wrong, not the program.
    if (error instanceof StackConfigError) throw new pulumi.RunError(error.message);
    throw error;
  }
}
