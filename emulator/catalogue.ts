import type { DataSource, ResourceType } from "./resourceType.ts";

/** Everything the local cloud can imitate, by token. */
export interface Catalogue {
  resourceType(token: string): ResourceType | undefined;
  /** Throws the "not emulated" error. */
  requireResourceType(token: string): ResourceType;
  requireDataSource(token: string): DataSource;
  /** Of the resource types. */
  readonly tokens: readonly string[];
  /** Whether calls of that resource type or function can come. */
  knows(token: string): boolean;
}

export class NotEmulated extends Error {
  constructor(token: string, kind: "resource type" | "function" | "component") {
    const where =
      kind === "component"
        ? "a constructor in emulator/awsx/, listed in emulator/awsx/awsxProvider.ts"
        : "a value in emulator/aws/<service>.ts, listed in emulator/aws/index.ts";
    super(
      `Cannot imitate ${token}: this ${kind} is not emulated by the local cloud. ` +
        `Use a real account (cloud: aws), or add it as ${where}.`,
    );
    this.name = "NotEmulated";
  }
}

export function createCatalogue(
  resourceTypes: readonly ResourceType[],
  dataSources: readonly DataSource[],
): Catalogue {
  const types = new Map(resourceTypes.map((type) => [type.token, type]));
  const sources = new Map(dataSources.map((source) => [source.token, source]));
  return {
    resourceType: (token) => types.get(token),
    requireResourceType(token) {
      const type = types.get(token);
      if (type === undefined) throw new NotEmulated(token, "resource type");
      return type;
    },
    requireDataSource(token) {
      const source = sources.get(token);
      if (source === undefined) throw new NotEmulated(token, "function");
      return source;
    },
    tokens: [...types.keys()],
    knows: (token) => types.has(token) || sources.has(token),
  };
}
