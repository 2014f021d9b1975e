import type { Release, ReleaseDiff } from "./release.ts";
import { releaseCompatibility } from "./releaseCompatibility.ts";
import { SERVICE_NAMES, type ServiceName } from "./vocabulary.ts";

/** What a target that goes from one release to the other gets: pure. */
export function diffReleases(from: Release, to: Release): ReleaseDiff {
  const verdict = releaseCompatibility(from, to);
  return {
    ...{ from: from.number, to: to.number },
    services: SERVICE_NAMES.flatMap((service) => diffService(service, from, to)),
    schemaVersion:
      from.schemaVersion === to.schemaVersion ? null : { from: from.schemaVersion, to: to.schemaVersion },
    compatibleSchemas: isSameRange(from.compatibleSchemas, to.compatibleSchemas)
      ? null
      : { from: from.compatibleSchemas, to: to.compatibleSchemas },
    compatible: verdict.compatible,
    incompatibleBecause: verdict.compatible ? null : verdict.why,
  };
}

function diffService(service: ServiceName, from: Release, to: Release): ReleaseDiff["services"] {
  const [before, after] = [from.services[service], to.services[service]];
  const names = new Set([...Object.keys(before.environment), ...Object.keys(after.environment)]);
  const environment = [...names]
    .map((name) => ({
      name,
      from: before.environment[name] ?? null,
      to: after.environment[name] ?? null,
    }))
    .filter((setting) => setting.from !== setting.to)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const image = before.image === after.image ? null : { from: before.image, to: after.image };
  return image === null && environment.length === 0 ? [] : [{ service, image, environment }];
}

type Range = Release["compatibleSchemas"];

function isSameRange(one: Range, other: Range): boolean {
  return one?.from === other?.from && one?.to === other?.to;
}
