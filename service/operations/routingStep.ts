import type { Target } from "../../contract/target.ts";
import { type RouteWish, routeSet } from "../../registry/routing.ts";
import { controllerFor } from "../app/context.ts";
import { publishSnapshot, ROUTED_SERVICES } from "../routing/publish.ts";
import { oldStateOf, type Step, type StepRun } from "./saga.ts";

/**
 * Tells the plane's routers what to answer for the target: forward when it is wanted present, "suspended" when it is wanted
 * suspended or archived, nothing when it is wanted absent. It goes last where a tenant is brought up and first where it is stopped, so
 * that no request is forwarded to services that are not there.
 */
export const publishRoutingStep: Step = {
  name: "publish_routing",
  idempotence: "A route that is set already is set again to the same, and the snapshot is published anew.",
  undo: restoreRouting,
  async run(run) {
    const { target } = run;
    const wish = wishOf(target.requestedState, placeOf(run));
    const state = wish?.state ?? "absent";
    const { version, checksum } = await route(run, wish);
    await run.say(`Routing version ${version} of ${target.planeName} says ${state}`);
    return { version, checksum, host: wish?.host ?? null, state };
  },
};

/** The route as it was when the operation was asked for. */
export async function restoreRouting(run: StepRun): Promise<void> {
  const before = oldStateOf(run.input);
  const wish = wishOf(before?.requestedState ?? run.target.requestedState, run.target);
  await route(run, before?.deploymentState === "absent" ? undefined : wish);
}

async function route(run: StepRun, wish: RouteWish | undefined) {
  const { service, target, operation } = run;
  const { snapshot } = await service.registry.change(controllerFor(operation), (change) =>
    routeSet(change, target, wish, ROUTED_SERVICES),
  );
  return publishSnapshot(service, snapshot);
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
