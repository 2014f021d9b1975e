/**
 * What `pulumi up` runs at the root of the repository: the shared plane of one environment in one region. A stack is
 * a plane; its file Pulumi.<stack>.yaml says which. The SDK takes a default export as the program, hence the
 * exception from named exports.
 */
import * as pulumi from "@pulumi/pulumi";
import { PLANE_CONFIG_KEYS, parsePlaneConfig } from "./config.ts";
import { type PlaneProgramOutputs, planeProgram } from "./program.ts";

export default function planeStack(): Promise<PlaneProgramOutputs> {
  return planeProgram(parsePlaneConfig(pulumi.getStack(), stackConfig()));
}

function stackConfig(): Record<string, unknown> {
  const config = new pulumi.Config("tenantry");
  const region = new pulumi.Config("aws").get("region");
  const given = PLANE_CONFIG_KEYS.map((key): [string, unknown] => [key, parsed(config.get(key))]);
  const { aws, ...rest } = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  const regionOnly = region === undefined ? {} : { region };
  return { ...rest, aws: typeof aws === "object" ? { ...regionOnly, ...aws } : (aws ?? regionOnly) };
}

/** Objects come as JSON text, plain values as themselves. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
