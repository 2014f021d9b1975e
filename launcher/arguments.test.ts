import { describe, expect, it } from "vitest";
import { createsStack, needsCloud, parseCommandLine } from "./arguments.ts";

const parse = (text: string) => parseCommandLine(text.split(" ").filter(Boolean), "/home/me");

describe("parseCommandLine", () => {
  it.each([
    "up --stack dev --yes",
    "up -s dev --yes",
    "up --stack=dev --yes",
    "--color never up --yes -s dev",
  ])("finds command and stack in `%s` and passes it on", (text) => {
    const line = parse(text);
    expect(line).toMatchObject({ command: "up", stack: "dev", ownFolder: false });
    expect(line.args.join(" ")).toBe(text);
  });

  it("takes its own option out, and leaves what follows -- alone", () => {
    expect(parse("up --cloud aws -- --cloud x")).toMatchObject({
      cloud: "aws",
      args: ["up", "--", "--cloud", "x"],
    });
    expect(parse("--cloud=aws up")).toMatchObject({ cloud: "aws", args: ["up"] });
  });

  it("takes the repository's projects for its own, and leaves the CLI's flag of that name alone", () => {
    expect(parse("--project control-plane up")).toMatchObject({ project: "control-plane", args: ["up"] });
    expect(parse("up --project=plane")).toMatchObject({ project: "plane", args: ["up"] });
    const line = parse("stack ls --project mine");
    expect(line).toMatchObject({ project: "plane", args: ["stack", "ls", "--project", "mine"] });
  });

  it("makes the caller's files absolute", () => {
    expect(parse("stack export --file out.json").args).toEqual([
      "stack",
      "export",
      "--file",
      "/home/me/out.json",
    ]);
    expect(parse("up --plan=/tmp/plan").args).toEqual(["up", "--plan", "/tmp/plan"]);
  });

  it("does not take a value for a command", () => {
    expect(parse("-C /elsewhere preview")).toMatchObject({ command: "preview", ownFolder: true });
    expect(parse("--verbose 3 stack ls")).toMatchObject({ command: "stack" });
    expect(parse("--version").command).toBe("");
  });
});

describe("what a command needs", () => {
  it.each([
    ["up -s dev", true, true],
    ["preview", true, true],
    ["destroy -y", false, true],
    ["refresh", false, true],
    ["something-new", false, true],
    ["stack output", false, false],
    ["config set a b", false, false],
    ["up --help", true, false],
    ["--version", false, false],
  ])("`%s` creates its stack: %s, needs the cloud: %s", (text, creates, cloud) => {
    expect([createsStack(parse(text)), needsCloud(parse(text))]).toEqual([creates, cloud]);
  });
});
