import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { OPERATION_IDS } from "../../contract/routes.ts";
import { apiOperations } from "../api/description.ts";
import { withCommandList } from "../commandList.ts";
import { candidates } from "../completion.ts";
import { allCommands, commandName, commandsOf, NOUNS, nouns } from "./catalog.ts";
import { fieldsOf } from "./fields.ts";

/** What is done by a command of another name, or has no use in a terminal. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  tenantEvidence: "evidence take",
  operationEvents: "operation watch",
  manifestList: "manifest export",
  rolloutPreviewGet: "rollout preview",
  serviceOpenapi: "api",
  serviceDocs: "api",
};

describe("the commands", () => {
  it("reach every operation of the API, each under one name", async () => {
    const names = (await allCommands()).map(({ noun, verb }) => `${noun} ${verb}`.trim());
    expect(new Set(names).size).toBe(names.length);
    for (const id of OPERATION_IDS) expect(names).toContain(ELSEWHERE[id] ?? commandName(id).join(" "));
  });

  it("know exactly the operations of the contract", () => {
    expect([...apiOperations().keys()].sort()).toEqual([...OPERATION_IDS].sort());
  });

  it("are named as the operations are", () => {
    expect(commandName("tenantRotateCredentials")).toEqual(["tenant", "rotate-credentials"]);
    expect(commandName("legalHoldPlace")).toEqual(["legal-hold", "place"]);
    expect(commandName("apiKeyCreate")).toEqual(["api-key", "create"]);
    expect(commandName("auditEventList")).toEqual(["audit", "list"]);
  });

  it("have a word on every noun", () => {
    for (const noun of nouns()) expect(NOUNS[noun], noun).toBeDefined();
  });

  it("have options of different names, none of which reads twice", async () => {
    for (const { noun, verb, options, args } of await allCommands()) {
      const names = [
        ...options.map(({ name }) => name),
        ...args.map(({ name }) => name),
        "json",
        "profile",
        "help",
      ];
      expect(new Set(names).size, `${noun} ${verb}: ${names.join(" ")}`).toBe(names.length);
    }
  });

  it("leave no field of the API unreachable", () => {
    for (const operation of apiOperations().values()) {
      const options = fieldsOf(operation).map(({ option }) => option);
      expect(new Set(options).size, `${operation.id}: ${options.join(" ")}`).toBe(options.length);
    }
  });

  it("are listed in docs/cli.md; npm run contract writes the list", async () => {
    const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
    expect(page).toBe(await withCommandList(page));
  });
});

describe("completion", () => {
  it("offers nouns, verbs, options and the words that an option takes", async () => {
    expect(await candidates(["ten"])).toEqual(["tenant"]);
    expect(await candidates([""])).toEqual(expect.arrayContaining(["tenant", "rollout", "completion"]));
    expect(await candidates(["rollout", "re"])).toEqual(["resume", "retry", "retarget"]);
    expect(await candidates(["tenant", "create", "--dis"])).toEqual(["--display-name"]);
    expect(await candidates(["tenant", "create", "--isolation", ""])).toEqual([
      "pooled",
      "hybrid",
      "dedicated",
      "account",
    ]);
    expect(await candidates(["tenant", "create", "--slug", ""])).toEqual([]);
    expect(await candidates(["completion", "f"])).toEqual(["fish"]);
    expect(await candidates(["nobody", "knows", ""])).toEqual([]);
  });

  it("offers nothing that is not a command", async () => {
    for (const noun of nouns())
      for (const verb of await candidates([noun, ""]))
        if (!verb.startsWith("-")) expect((await commandsOf(noun)).map((spec) => spec.verb)).toContain(verb);
  });
});
