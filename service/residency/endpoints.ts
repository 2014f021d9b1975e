import {
  type DeclaredEndpoint,
  ENDPOINT_KINDS,
  type EndpointKind,
  type RegionEndpoint,
  type ResidencyRegion,
} from "../../contract/residency.ts";
import type { PlaneInRegion } from "../../registry/residency.ts";
import { PlaneOutputs } from "../../stacks/plane/outputs.ts";

/**
 * A region's addresses, from what its planes tell. Pure. A plane that does not tell one (it was made by an earlier version, or its
 * outputs are incomplete) has none; what is set by hand stands for all that planes say of that kind.
 */
export function regionMap(
  region: string,
  planes: readonly PlaneInRegion[],
  declared: readonly DeclaredEndpoint[],
): ResidencyRegion {
  const there = planes.filter((plane) => plane.region === region);
  const byHand = declared.filter((endpoint) => endpoint.region === region);
  return {
    region,
    planes: there.map(({ name, environment }) => ({ planeName: name, environment })),
    endpoints: ENDPOINT_KINDS.flatMap((kind) => endpointsOf(kind, there, byHand)),
  };
}

function endpointsOf(
  kind: EndpointKind,
  planes: readonly PlaneInRegion[],
  declared: readonly DeclaredEndpoint[],
): RegionEndpoint[] {
  const byHand = declared.find((endpoint) => endpoint.kind === kind);
  if (byHand !== undefined)
    return [{ kind, address: byHand.address, planeName: null, source: "declared" as const }];
  return planes.flatMap((plane) => {
    const address = addressIn(kind, plane);
    return address === undefined ? [] : [{ kind, address, planeName: plane.name, source: "plane" as const }];
  });
}

const Told = PlaneOutputs.pick({
  databaseEndpoint: true,
  databasePort: true,
  dataBucketName: true,
  partition: true,
}).partial();

function addressIn(kind: EndpointKind, { outputs, region }: PlaneInRegion): string | undefined {
  const { databaseEndpoint, databasePort, dataBucketName, partition } = Told.safeParse(outputs).data ?? {};
  const domain = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
  switch (kind) {
    case "database":
      return databaseEndpoint === undefined ? undefined : `${databaseEndpoint}:${databasePort ?? 5432}`;
    case "bucket":
      return dataBucketName === undefined ? undefined : `https://${dataBucketName}.s3.${region}.${domain}`;
    case "logs":
      return partition === undefined ? undefined : `https://logs.${region}.${domain}`;
    case "cache":
      return undefined;
  }
}
