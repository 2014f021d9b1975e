/**
 * What `pulumi up` runs in this folder: the control service of one environment. The SDK takes a default export as the
 * program, hence the exception from named exports.
 */
import * as pulumi from "@pulumi/pulumi";
import { PlaneConfigError, planeConfigOf } from "../plane/config.ts";
import { type ControlPlaneConfig, ControlPlaneConfigError, parseControlPlaneConfig } from "./config.ts";
import { type ControlPlaneOutputs, controlPlaneProgram } from "./program.ts";

export default function controlPlaneStack(): Promise<ControlPlaneOutputs> {
  return controlPlaneProgram(readConfig());
}

function readConfig(): ControlPlaneConfig {
  const stack = pulumi.getStack();
  try {
    return parseControlPlaneConfig(stack, planeConfigOf(stack, pulumi.runtime.allConfig()));
  } catch (error) {
    const isUsers = error instanceof ControlPlaneConfigError || error instanceof PlaneConfigError;
    // Pulumi prints these without a stack trace: the user's settings are wrong, not the program.
    if (isUsers) throw new pulumi.RunError(error.message);
    throw error;
  }
}
