import { createCatalogue } from "../catalogue.ts";
import { type Caller, type Cloud, createContext } from "../context.ts";
import { Profile } from "../profile.ts";
import { checkInputs } from "../provider/inputs.ts";
import { createResource, deleteResource, readResource, updateResource } from "../provider/lifecycle.ts";
import type { AwsError, Context, Properties } from "../resourceType.ts";
import { openStore } from "../store/store.ts";
import { dataSources, resourceTypes } from "./index.ts";

export const ACCOUNT_ID = "123456789012";
export const REGION = "eu-west-1";

/** A created object. */
export interface Made {
  readonly id: string;
  readonly properties: Properties;
}

/** The emulated account without providers and engine: what types answer, in one process and without a file. */
export interface Account {
  readonly context: Context;
  create(token: string, inputs: Properties): Made;
  update(token: string, made: Made, oldInputs: Properties, inputs: Properties): Made;
  delete(token: string, id: string): void;
  read(token: string, id: string): Properties | undefined;
  invoke(token: string, args: Properties): Properties;
}

/** A failed check, with AWS's code when the failure tells one ("Code: message"). */
export class CheckRefused extends Error {
  readonly code: string;

  constructor(reason: string) {
    super(reason);
    this.name = "CheckRefused";
    this.code = /^([A-Za-z.]+): /.exec(reason)?.[1] ?? "invalid input";
  }
}

export function errorCode(error: unknown): string {
  if (error instanceof CheckRefused) return error.code;
  if (error instanceof Error && error.name === "AwsError") return (error as AwsError).code;
  throw error;
}

export function inMemoryAccount(nowMs: () => number = Date.now): Account {
  const cloud: Cloud = {
    store: openStore(":memory:", nowMs),
    catalogue: createCatalogue(resourceTypes, dataSources),
    profile: () => Profile.parse({}),
    nowMs,
  };
  const caller: Caller = {
    account: ACCOUNT_ID,
    region: REGION,
    callerArn: `arn:aws:iam::${ACCOUNT_ID}:user/test`,
  };
  const scopeOf = (token: string) => ({ cloud, caller, type: cloud.catalogue.requireResourceType(token) });

  function checked(token: string, oldInputs: Properties, newInputs: Properties): Properties {
    const { inputs, failures } = checkInputs({
      type: cloud.catalogue.requireResourceType(token),
      context: createContext(cloud, caller),
      settings: { ...caller, defaultTags: {} },
      logicalName: "test",
      oldInputs,
      newInputs,
      randomSeed: "",
    });
    const [first] = failures;
    if (first !== undefined) throw new CheckRefused(first.reason);
    return inputs;
  }

  return {
    context: createContext(cloud, caller),
    create: (token, inputs) => createResource(scopeOf(token), checked(token, {}, inputs)),
    update: (token, made, oldInputs, inputs) =>
      updateResource(scopeOf(token), made.id, oldInputs, checked(token, oldInputs, inputs)),
    delete: (token, id) => deleteResource(scopeOf(token), id),
    read: (token, id) => readResource(scopeOf(token), id, undefined)?.properties,
    invoke: (token, args) =>
      cloud.catalogue.requireDataSource(token).invoke(args, createContext(cloud, caller)),
  };
}
