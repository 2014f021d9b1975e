import type { RoutingHold, RoutingVersion } from "../../contract/routing.ts";
import type { RouteState } from "../../contract/routingSnapshot.ts";
import type { Target } from "../../contract/target.ts";
import { type RouteChange, type RouteWish, routeSet } from "../../registry/routing.ts";
import { routeStateAt } from "../../registry/routingSnapshot.ts";
import { routingMaking } from "../routing/making.ts";
import { publishNewest } from "../routing/publish.ts";
import { oldStateOf, type Step, type StepRun } from "./saga.ts";

/**
 * Tells the plane's routers what to answer for the target: forward when it is wanted present, "suspended" when it is wanted
 * suspended or archived, nothing when it is wanted absent. It goes last where a tenant is brought up and first where it is stopped, so
 * that no request is forwarded to services that are not there.
 */
export const publishRoutingStep: Step = {
  name: "publish_routing",
  idempotence:
    "A route that is set already stays, and the snapshot is put into the store unless it was seen to get there.",
  undo: restoreRouting,
  async run(run) {
    const { target } = run;
    const wish = wishOf(target.requestedState, placeOf(run));
    const state = wish?.state ?? "absent";
    const { newest, hold } = await route(run, wish);
    const { version, checksum } = newest;
    const said = hold === null ? `says ${state}` : await heldSaying(run, newest, state, hold);
    await run.say(`Routing version ${version} of ${target.planeName} ${said}`);
    return { version, checksum, host: wish?.host ?? null, state };
  },
};

/** The route as it was when the operation was asked for. */
export async function restoreRouting(run: StepRun): Promise<void> {
  const before = oldStateOf(run.input);
  const wish = wishOf(before?.requestedState ?? run.target.requestedState, run.target);
  await route(run, before?.deploymentState === "absent" ? undefined : wish);
}

async function route(run: StepRun, wish: RouteWish | undefined): Promise<RouteChange> {
  const { service, target } = run;
  const making = await routingMaking(service, target.planeName);
  const { newest, hold } = await run.change((change) => routeSet(change, target, wish, making));
  await publishNewest(service, newest);
  return { newest, hold };
}

/** While the plane is held, what is wanted may have to wait: then it says for what. */
async function heldSaying(
  { service, target }: StepRun,
  newest: RoutingVersion,
  wanted: RouteState | "absent",
  hold: RoutingHold,
): Promise<string> {
  const published = await service.registry.read((db) => routeStateAt(db, newest, target.targetId));
  const held = `is held at version ${hold.version} (${hold.reason})`;
  return published === wanted
    ? `says ${wanted} and ${held}`
    : `${held}: it says ${published} until it is released`;
}

type Place = Pick<Target, "publicName" | "routingTarget">;

/** A target that was never deployed has no name to answer to. */
function wishOf(state: Target["requestedState"], place: Place): RouteWish | undefined {
  const { publicName, routingTarget } = place;
  if (state === "absent" || publicName === null || routingTarget === null) return undefined;
  return {
    host: publicName.toLowerCase(),
    routingTarget,
    state: state === "present" ? "live" : "suspended",
  };
}

/** From this run's deployment, or as the last one left it. */
function placeOf({ results, target }: StepRun): Place {
  const outputs = (results.deploy?.outputs ?? {}) as Record<string, unknown>;
  const text = (name: keyof Place) => (typeof outputs[name] === "string" ? outputs[name] : target[name]);
  return { publicName: text("publicName"), routingTarget: text("routingTarget") };
}
