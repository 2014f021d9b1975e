import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What the published SDK says of a resource type: an oracle that is always at hand. */
export interface SdkShape {
  readonly inputs: readonly string[];
  readonly required: readonly string[];
  /** Attributes that only the provider sets, without `tagsAll` and `region`. */
  readonly outputs: readonly string[];
}

/** Attributes the emulator's own core gives every type. */
const COMMON_OUTPUTS: readonly string[] = ["region", "tagsAll"];

/** Reads the generated constructor of "aws:ecs/service:Service"; it names inputs, outputs and what is required. */
export function sdkShape(token: string): SdkShape {
  const [, path = ""] = token.split(":");
  const file = fileURLToPath(import.meta.resolve(`@pulumi/aws/${path}.js`));
  const source = readFileSync(file, "utf8");
  const creating = source.slice(source.indexOf("const args = argsOrState;"));
  const find = (pattern: RegExp) => [...creating.matchAll(pattern)].map(([, name = ""]) => name).sort();
  return {
    inputs: find(/resourceInputs\["(\w+)"\] = (?!undefined)/g),
    required: find(/Missing required property '(\w+)'/g),
    outputs: find(/resourceInputs\["(\w+)"\] = undefined/g).filter((name) => !COMMON_OUTPUTS.includes(name)),
  };
}
