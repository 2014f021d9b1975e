/**
 * What `pulumi up` runs at the root of the repository: the shared plane of one environment in one region. A stack is
 * a plane; its file Pulumi.<stack>.yaml says which. The SDK takes a default export as the program, hence the
 * exception from named exports.
 */
import * as pulumi from "@pulumi/pulumi";
import { parsePlaneConfig, planeConfigOf } from "./config.ts";
import { type PlaneProgramOutputs, planeProgram } from "./program.ts";

export default function planeStack(): Promise<PlaneProgramOutputs> {
  const stack = pulumi.getStack();
  return planeProgram(parsePlaneConfig(stack, planeConfigOf(stack, pulumi.runtime.allConfig())));
}
