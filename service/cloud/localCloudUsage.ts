import { z } from "zod";
import { USAGE_NAMES, type Usage, type UsageQuery } from "./cloudRuntime.ts";
import type { LocalControl } from "./localControl.ts";

const Usages = z.looseObject({
  usages: z.array(z.looseObject({ name: z.enum(USAGE_NAMES), used: z.number(), limit: z.number() })),
});

/** The local cloud counts for itself; its limits are settable in its profile. */
export async function localUsage(control: LocalControl, query: UsageQuery): Promise<readonly Usage[]> {
  const { region, accountId: account, cluster, subnetIds, listenerArn, loadBalancerArn } = query;
  const { usages } = await control.ask(
    {
      path: "/v1/usage",
      query: {
        ...{ region, account, cluster },
        ...{ subnets: subnetIds.join(","), listener: listenerArn, loadBalancer: loadBalancerArn },
      },
    },
    Usages,
  );
  return usages.map(({ name, used, limit }) => ({ name, used, limit }));
}
