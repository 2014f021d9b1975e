import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { Plane, PlaneRecord } from "../../contract/plane.ts";
import type { ChangeContext } from "../../registry/audit.ts";
import * as registry from "../../registry/plane.ts";
import { type PlaneOutputs, PlaneOutputsError, parsePlaneOutputs } from "../../stacks/plane/outputs.ts";
import { hasCode } from "../operations/failure.ts";
import { authorize } from "./authorize.ts";
import { controllerFor, type RequestContext, type ServiceContext } from "./context.ts";

/**
 * Planes are made by `pulumi up`; the service reads their outputs from the same state and records them. It does so when
 * asked, at its start, and before a tenant is put on a plane.
 */

export async function planeRecord(context: RequestContext, input: PlaneRecord): Promise<Plane> {
  await authorize(context, "planeRecord");
  const { environment, stackName: stack = environment } = input;
  const path = input.stackName === undefined ? "body.environment" : "body.stackName";
  const outputs = await readPlane(context, stack, { path, value: stack });
  refuseOther(outputs, "environment", environment);
  const { id, name } = context.principal;
  const actor = { kind: "api_key" as const, id, name };
  return writePlane(context, { ...context, actor }, stack, outputs);
}

export async function planeList(context: RequestContext, page: PageRequest): Promise<Page<Plane>> {
  await authorize(context, "planeList");
  return context.registry.read((db) => registry.planeList(db, page));
}

export async function planeGet(context: RequestContext, planeName: string): Promise<Plane> {
  await authorize(context, "planeGet");
  return context.registry.read((db) => registry.planeGet(db, planeName));
}

/**
 * The plane as it is now. What was read within `planeFreshMs` is believed, so that a hundred activations read the state
 * once. A recorded plane whose state cannot be read at the moment is used as recorded.
 */
export async function planeEnsure(
  service: ServiceContext,
  planeName: string,
  cause: { readonly requestId: string; readonly correlationId: string },
): Promise<Plane> {
  const recorded = await service.registry.read((db) => registry.planeFind(db, planeName));
  const stack = recorded?.stackName ?? planeName.slice(0, planeName.indexOf("-"));
  const asked = { path: "body.planes", value: planeName };
  try {
    const outputs = await service.planeReads.read(planeName, () => readPlane(service, stack, asked));
    refuseOther(outputs, "planeName", planeName);
    return await writePlane(service, controllerFor(cause), stack, outputs);
  } catch (thrown) {
    if (recorded === undefined || !hasCode(thrown, "state_unavailable")) throw thrown;
    service.log.warn({ err: thrown, planeName }, "the plane's state cannot be read; using what is recorded");
    return recorded;
  }
}

/** What of the request named the plane. */
interface Asked {
  readonly path: string;
  readonly value: string;
}

async function readPlane(service: ServiceContext, stack: string, asked: Asked): Promise<PlaneOutputs> {
  try {
    const project = service.settings.planeProject;
    return parsePlaneOutputs(await service.engine.planeOutputs({ stack, project }));
  } catch (thrown) {
    throw asPlaneProblem(thrown, stack, asked);
  }
}

function asPlaneProblem(thrown: unknown, stack: string, asked: Asked): unknown {
  const bringUp = `Run script/pulumi up --stack ${stack} until it succeeds, then send the request again.`;
  if (thrown instanceof PlaneOutputsError) {
    const names = thrown.problems.map((problem) => problem.path).join(", ");
    return new ProblemError("plane_incomplete", {
      detail: `Cannot use the plane of stack ${stack}: its outputs must be complete, but these are missing or wrong: ${names}.`,
      hint: bringUp,
      errors: thrown.problems.map(({ path, message }) => ({ path: `plane.outputs.${path}`, message })),
      cause: thrown,
    });
  }
  if (hasCode(thrown, "plane_not_found") || hasCode(thrown, "stack_not_found")) {
    return new ProblemError("plane_missing", {
      detail: `Cannot use the plane: there is no stack ${stack} in the Pulumi state.`,
      hint: bringUp,
      errors: [{ ...asked, message: "names a plane that is not there" }],
      cause: thrown,
    });
  }
  return new ProblemError("state_unavailable", {
    detail: `Cannot read the plane's outputs of stack ${stack}: the Pulumi state does not answer.`,
    hint: "Check that the state backend and its passphrase are reachable, then try again.",
    cause: thrown,
  });
}

function refuseOther(outputs: PlaneOutputs, member: "environment" | "planeName", wanted: string): void {
  if (outputs[member] === wanted) return;
  throw new ProblemError("plane_missing", {
    detail: `Cannot use the plane: its ${member} must be ${wanted}, but the stack made ${outputs[member]}.`,
    hint: `Name ${outputs.planeName}, or bring up a plane for ${wanted}.`,
    errors: [{ path: `plane.outputs.${member}`, message: `is not ${wanted}`, value: outputs[member] }],
  });
}

function writePlane(
  service: ServiceContext,
  context: ChangeContext,
  stackName: string,
  outputs: PlaneOutputs,
): Promise<Plane> {
  const { environment, region, accountId, planeName: name } = outputs;
  const facts = { name, environment, region, accountId, stackName, outputs };
  return service.registry.change(context, (change) => registry.planeRecord(change, facts));
}

/** At the start of the service: planes that are there are recorded, those that are not are somebody's work to come. */
export async function planeEnsureAll(service: ServiceContext): Promise<void> {
  const cause = { requestId: "start", correlationId: "start" };
  for (const stack of service.settings.planeStacks) {
    try {
      const outputs = await readPlane(service, stack, { path: "planeStacks", value: stack });
      await writePlane(service, controllerFor(cause), stack, outputs);
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      service.log.info({ stack, message }, "no plane recorded at the start");
    }
  }
}
