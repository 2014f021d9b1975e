/** Runs cases on our resource types: an empty account in memory for each, through the same steps as the provider. */
import { type Account, errorCode, inMemoryAccount, type Made } from "../aws/testAccount.ts";
import type { Properties } from "../resourceType.ts";
import type { Case, Outcome, Outcomes, Step, Values } from "./case.ts";
import { resolveReferences, stepKey } from "./case.ts";

export function runOnLocalCloud(cases: readonly Case[]): Outcomes {
  return new Map(cases.flatMap(runCase));
}

function runCase(story: Case): (readonly [string, Outcome])[] {
  const run: Run = { account: inMemoryAccount(), done: new Map(), made: new Map() };
  return story.steps.map((step) => {
    const outcome = runStep(step, run);
    if ("values" in outcome) run.done.set(step.name, outcome.values);
    return [stepKey(story, step), outcome] as const;
  });
}

interface Run {
  readonly account: Account;
  /** What each step ended with, for references. */
  readonly done: Map<string, Values>;
  readonly made: Map<string, { readonly object: Made; readonly inputs: Properties }>;
}

function runStep(step: Step, run: Run): Outcome {
  try {
    return { values: valuesAfter(step, run) };
  } catch (error) {
    return { error: errorCode(error), message: error instanceof Error ? error.message : String(error) };
  }
}

function valuesAfter({ name, type, ours }: Step, { account, done, made }: Run): Values {
  const earlier = (of: string) => {
    const found = made.get(of);
    if (found === undefined) throw new Error(`Cannot run the case: step '${of}' left no object`);
    return found;
  };
  const described = (object: Made): Values => ({ ...account.read(type, object.id), id: object.id });
  if ("read" in ours) return described(earlier(ours.read).object);
  if ("delete" in ours) {
    account.delete(type, earlier(ours.delete).object.id);
    return {};
  }
  if ("update" in ours) {
    const { object, inputs: oldInputs } = earlier(ours.of);
    const inputs = resolveReferences(ours.update, done) as Properties;
    const updated = account.update(type, object, oldInputs, inputs);
    made.set(ours.of, { object: updated, inputs });
    return described(updated);
  }
  const inputs = resolveReferences(ours.create, done) as Properties;
  const object = account.create(type, inputs);
  made.set(name, { object, inputs });
  return described(object);
}
