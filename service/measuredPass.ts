import type { ServiceContext } from "./app/context.ts";
import { withinScope } from "./tracing/scope.ts";

/** One pass of a controller: its lines name the controller, its time and outcome are measured. Never rejects. */
export async function measuredPass(
  { metrics }: Partial<Pick<ServiceContext, "metrics">>,
  controller: string,
  pass: () => Promise<void>,
  onFailure: (thrown: unknown) => void,
): Promise<void> {
  const startedMs = Date.now();
  await withinScope({ controller }, async () => {
    let outcome = "succeeded";
    try {
      await pass();
    } catch (thrown) {
      outcome = "failed";
      onFailure(thrown);
    }
    metrics?.controllerSeconds.observe({ controller, outcome }, (Date.now() - startedMs) / 1_000);
  });
}
