/** Runs cases on our resource types: an empty account in memory for each, through the same steps as the provider. */
import { resourceTypes } from "../aws/index.ts";
import { AwsError } from "../awsError.ts";
import { createCatalogue } from "../catalogue.ts";
import type { Caller, Cloud } from "../context.ts";
import { createContext } from "../context.ts";
import { Profile } from "../profile.ts";
import { checkInputs } from "../provider/inputs.ts";
import type { Scope } from "../provider/lifecycle.ts";
import { createResource, deleteResource, readResource, updateResource } from "../provider/lifecycle.ts";
import type { Properties } from "../resourceType.ts";
import { openStore } from "../store/store.ts";
import type { Case, Outcome, Outcomes, Step, Values } from "./case.ts";
import { resolveReferences, stepKey } from "./case.ts";

/** As moto has them. */
export const ACCOUNT = "123456789012";
export const REGION = "eu-west-1";

const caller: Caller = {
  account: ACCOUNT,
  region: REGION,
  callerArn: `arn:aws:sts::${ACCOUNT}:assumed-role/oracle/oracle`,
};

export function runOnLocalCloud(cases: readonly Case[]): Outcomes {
  return new Map(cases.flatMap(runCase));
}

function runCase(story: Case): (readonly [string, Outcome])[] {
  const store = openStore(":memory:");
  const profile = Profile.parse({});
  const cloud: Cloud = {
    store,
    catalogue: createCatalogue(resourceTypes, []),
    profile: () => profile,
    nowMs: Date.now,
  };
  const done = new Map<string, Values>();
  const inputs = new Map<string, Properties>();
  try {
    return story.steps.map((step) => {
      const outcome = runStep(step, cloud, done, inputs);
      if ("values" in outcome) done.set(step.name, outcome.values);
      return [stepKey(story, step), outcome] as const;
    });
  } finally {
    store.close();
  }
}

/** What the provider would answer a bad input with: AWS's code stands first in the reason. */
function refusedInput(reason: string): Outcome {
  const code = /^([A-Za-z][A-Za-z.]*): /.exec(reason)?.[1];
  return { error: code ?? "refused by the provider", message: reason };
}

function runStep(
  step: Step,
  cloud: Cloud,
  done: ReadonlyMap<string, Values>,
  inputs: Map<string, Properties>,
): Outcome {
  const type = cloud.catalogue.requireResourceType(step.type);
  const scope: Scope = { cloud, type, caller };
  const { ours } = step;
  try {
    if ("read" in ours) return { values: readBack(scope, idOf(done, ours.read)) };
    if ("delete" in ours) {
      deleteResource(scope, idOf(done, ours.delete));
      return { values: {} };
    }
    const of = "update" in ours ? ours.of : undefined;
    const given = resolveReferences("update" in ours ? ours.update : ours.create, done) as Properties;
    const oldInputs = of === undefined ? {} : (inputs.get(of) ?? {});
    const checked = checkInputs({
      type,
      context: createContext(cloud, caller),
      settings: { ...caller, defaultTags: {} },
      logicalName: step.name,
      oldInputs,
      newInputs: given,
      randomSeed: "",
    });
    const [failure] = checked.failures;
    if (failure !== undefined) return refusedInput(failure.reason);
    inputs.set(of ?? step.name, checked.inputs);
    const id =
      of === undefined
        ? createResource(scope, checked.inputs).id
        : updateResource(scope, idOf(done, of), oldInputs, checked.inputs).id;
    return { values: readBack(scope, id) };
  } catch (error) {
    if (error instanceof AwsError) return { error: error.code, message: error.message };
    throw error;
  }
}

function idOf(done: ReadonlyMap<string, Values>, step: string): string {
  const id = done.get(step)?.id;
  if (typeof id !== "string") throw new Error(`Cannot run the case: step '${step}' left no object`);
  return id;
}

/** The object as the provider reports it, under its Pulumi names. */
function readBack(scope: Scope, id: string): Values {
  const found = readResource(scope, id, undefined);
  if (found === undefined) throw new AwsError("ResourceNotFoundException", `${id} is not there`, 404);
  return { ...found.properties, id: found.id };
}
