import { describe, expect, it } from "vitest";
import { CliFailure } from "./cli.ts";
import { classifyFailure, EngineError, plainWords, type RunFailure, resourceOf } from "./errors.ts";
import { createRedactor } from "./redact.ts";

const STACK = "urn:pulumi:dev-1::tenant-a::pulumi:pulumi:Stack::tenant-a-dev-1";
const SERVICE = "urn:pulumi:dev-1::tenant-a::tenantry:TenantServiceSet$aws:ecs/service:Service::discovery";

function failure(change: Partial<RunFailure> & { stderr?: string }): RunFailure {
  const result = { stdout: "", stderr: change.stderr ?? "", exitCode: 255, signal: null };
  return {
    action: "up stack tenant-a/dev-1",
    error: new CliFailure(["up"], result),
    diagnostics: [],
    failed: [],
    redact: createRedactor(),
    ...change,
  };
}

function providerFailure(message: string): RunFailure {
  return failure({
    diagnostics: [
      { urn: SERVICE, message },
      { urn: STACK, message: "update failed" },
    ],
    failed: [{ ...resourceOf(SERVICE), op: "create" }],
  });
}

describe("classifyFailure", () => {
  it("takes a CLI that something killed, or a cloud that has moved, for a reason to try again", () => {
    const result = { stdout: "Updating", stderr: "", exitCode: null, signal: "SIGKILL" as const };
    const killed = classifyFailure(failure({ error: new CliFailure(["up"], result) }));
    expect(killed).toMatchObject({ code: "worker_crashed", retryable: true });
    expect(killed.message).toBe(
      "Cannot up stack tenant-a/dev-1: the engine's process was ended by SIGKILL. Trying again first settles what it left.",
    );
    const moved = classifyFailure(providerFailure("unknown service pulumirpc.ResourceProvider"));
    expect(moved).toMatchObject({ code: "provider_unavailable", retryable: true });
  });

  it("takes a provider that went away before the first resource for a reason to try again", () => {
    const stderr =
      "error: could not load provider for resource urn:a: load plugin for aws provider: aws (resource) plugin [aws] " +
      "did not begin responding to RPC connections";
    const result = { stdout: "", stderr, exitCode: 255, signal: null };
    const gone = classifyFailure(failure({ error: new CliFailure(["refresh"], result) }));
    expect(gone).toMatchObject({ code: "provider_unavailable", retryable: true });
    const other = { ...result, stderr: "error: the engine does not know what to do" };
    const unknown = classifyFailure(failure({ error: new CliFailure(["refresh"], other) }));
    expect(unknown).toMatchObject({ code: "engine_failed", retryable: false });
  });

  it("names the resource and AWS's own words", () => {
    const error = classifyFailure(
      providerFailure(
        "creating ECS Service (discovery): operation error ECS: CreateService, https response error StatusCode: 400, " +
          "RequestID: 7f1c, ClusterNotFoundException: Cluster not found.: provider=aws@7.48.0",
      ),
    );
    expect(error).toMatchObject({
      code: "provider_failed",
      retryable: false,
      resource: { urn: SERVICE, resourceType: "aws:ecs/service:Service", logicalName: "discovery" },
      message:
        'Cannot create aws:ecs/service:Service "discovery": ClusterNotFoundException: Cluster not found. ' +
        "(ECS CreateService, request 7f1c)",
    });
  });

  it.each([
    ["ThrottlingException: Rate exceeded", "provider_throttled", true],
    [
      "api error AccessDeniedException: User is not authorized to perform iam:CreateRole",
      "provider_denied",
      false,
    ],
    ["StatusCode: 503, ServiceUnavailable", "provider_unavailable", true],
    [
      "rpc error: code = Unavailable desc = connection error: transport: Error while dialing",
      "provider_unavailable",
      true,
    ],
    ["aws (resource) plugin [aws] did not begin responding to RPC connections", "provider_unavailable", true],
    ["rpc error: code = Unavailable desc = error reading from server: EOF", "provider_unavailable", true],
    ["One or more errors occurred: 14 UNAVAILABLE: No connection established.", "provider_unavailable", true],
    ["InvalidParameterException: bad image", "provider_failed", false],
  ])("sorts %j into %s", (message, code, retryable) => {
    expect(classifyFailure(providerFailure(message))).toMatchObject({ code, retryable });
  });

  it("says that a provider cannot be used, rather than accepted", () => {
    const urn = "urn:pulumi:dev-1::tenant-a::pulumi:providers:aws::aws";
    const message = "aws (resource) plugin [aws] did not begin responding to RPC connections";
    const error = classifyFailure(failure({ diagnostics: [{ urn, message }] }));
    expect(error.message).toBe(`Cannot use the provider aws: ${message}`);
  });

  it("says who holds a lock and since when", () => {
    const stderr =
      "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the " +
      "lock file with `pulumi cancel`.\n  file:///s/.pulumi/locks/a.json: created by root@host (pid 42) at 2026-01-02T03:04:05Z";
    const error = classifyFailure(failure({ stderr }));
    expect(error).toMatchObject({ code: "stack_locked", retryable: true });
    expect(error.lock).toEqual({ owner: "root@host (pid 42)", since: "2026-01-02T03:04:05Z" });
  });

  it.each([
    ["error: no stack named 'dev-1' found", "stack_not_found"],
    ["error: getting secrets manager: incorrect passphrase", "passphrase_wrong"],
    ["error: something entirely new", "engine_failed"],
  ])("reads %j as %s", (stderr, code) => {
    expect(classifyFailure(failure({ stderr })).code).toBe(code);
  });

  it("blames the program for what it threw and for stray rejections", () => {
    expect(classifyFailure(failure({ programError: new Error("boom") })).message).toContain("boom");
    const stray = failure({ diagnostics: [{ message: "Unhandled exception: Error: stray\n    at x.ts:1" }] });
    expect(classifyFailure(stray)).toMatchObject({
      code: "program_failed",
      message: expect.stringMatching(/: stray$/),
    });
    const refusal = Object.assign(new Error("not this tenant's stack"), { name: "IdentityMismatchError" });
    expect(classifyFailure(failure({ programError: refusal })).code).toBe("identity_mismatch");
  });

  it("blames the provider when the program only awaited a resource that failed", () => {
    const both = { ...providerFailure("BucketAlreadyExists: taken"), programError: new Error("awaited") };
    expect(classifyFailure(both)).toMatchObject({ code: "provider_failed" });
  });

  it("keeps secrets out of messages", () => {
    const redact = createRedactor({ PULUMI_CONFIG_PASSPHRASE: "correct horse" });
    const error = classifyFailure({
      ...providerFailure("it said correct horse and password=abc123"),
      redact,
    });
    expect(JSON.stringify(error)).not.toMatch(/correct horse|abc123/);
  });
});

it("EngineError survives the way between processes", () => {
  const error = new EngineError("provider_failed", "m", {
    providerMessage: "p",
    resource: resourceOf(SERVICE),
  });
  const copy = EngineError.fromJSON(JSON.parse(JSON.stringify(error)));
  expect(copy).toMatchObject({
    code: "provider_failed",
    message: "m",
    providerMessage: "p",
    resource: error.resource,
  });
});

it("plainWords drops what bridged providers wrap around a message", () => {
  const wrapped =
    "sdk-v2/provider2.go:572: sdk.helper_schema: bucket is taken: provider=aws@7.48.0\nerror: 1 error occurred:\n\t* bucket is taken\n";
  expect(plainWords(wrapped)).toBe("bucket is taken");
});
