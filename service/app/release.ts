import type { Page, PageRequest } from "../../contract/common.ts";
import { ProblemError } from "../../contract/errors.ts";
import type { Release, ReleaseCreate, ReleaseDiff } from "../../contract/release.ts";
import { diffReleases } from "../../contract/releaseDiff.ts";
import { SERVICE_NAMES } from "../../contract/vocabulary.ts";
import * as registry from "../../registry/release.ts";
import { limits } from "../config/limits.ts";
import { registriesOf } from "../images/createImages.ts";
import { resolveImages } from "../images/resolveImages.ts";
import { authorize } from "./authorize.ts";
import { changeAs, type RequestContext } from "./context.ts";

/** Images are looked up before the change: no transaction waits for a registry of images. */
export async function releaseCreate(context: RequestContext, input: ReleaseCreate): Promise<Release> {
  await authorize(context, "releaseCreate");
  const { from, description, notes, reason } = input;
  const base =
    from === undefined ? undefined : await context.registry.read((db) => registry.releaseGet(db, from));
  const schemaVersion = input.schemaVersion ?? base?.schemaVersion ?? null;
  const compatibleSchemas = input.compatibleSchemas ?? base?.compatibleSchemas ?? null;
  refuseOwnSchema(schemaVersion, compatibleSchemas);
  const facts = {
    ...{ description, notes, reason, schemaVersion, compatibleSchemas },
    fromNumber: from ?? null,
    services: await resolved(context, patched(base, input.services)),
  };
  return changeAs(context, (change) => registry.releaseCreate(change, facts));
}

/** The contract sees only what is said; a patch may contradict what it takes over. */
function refuseOwnSchema(version: number | null, range: Release["compatibleSchemas"]): void {
  if (version === null || range === null || (range.from <= version && version <= range.to)) return;
  throw new ProblemError("invalid_request", {
    detail: `Cannot make the release: it must be able to run with its own schema ${version}, and takes ${range.from} to ${range.to}.`,
    hint: "Send schemaVersion and compatibleSchemas together; what is left out is the base release's.",
    errors: [{ path: "body.compatibleSchemas", message: `must hold ${version}`, value: range }],
  });
}

/** The contract has seen to it that without a base every service has an image. */
function patched(base: Release | undefined, patches: ReleaseCreate["services"]): Release["services"] {
  const services = SERVICE_NAMES.map((name) => {
    const image = patches[name]?.image ?? base?.services[name].image ?? "";
    const environment = patches[name]?.environment ?? base?.services[name].environment ?? {};
    return [name, { image, environment }];
  });
  return Object.fromEntries(services) as Release["services"];
}

async function resolved(
  { images, settings }: RequestContext,
  services: Release["services"],
): Promise<Release["services"]> {
  const kept = await resolveImages(
    images,
    Object.fromEntries(SERVICE_NAMES.map((name) => [name, services[name].image])),
    {
      tags: settings.imageTags,
      registries: registriesOf(settings),
      timeoutMs: limits.imageLookUpMs,
    },
  );
  return Object.fromEntries(
    SERVICE_NAMES.map((name) => [name, { ...services[name], image: kept[name] ?? services[name].image }]),
  ) as Release["services"];
}

export async function releaseList(context: RequestContext, page: PageRequest): Promise<Page<Release>> {
  await authorize(context, "releaseList");
  return context.registry.read((db) => registry.releaseList(db, page));
}

export async function releaseGet(context: RequestContext, releaseNumber: number): Promise<Release> {
  await authorize(context, "releaseGet");
  return context.registry.read((db) => registry.releaseGet(db, releaseNumber));
}

export async function releaseDiff(
  context: RequestContext,
  releaseNumber: number,
  from: number,
): Promise<ReleaseDiff> {
  await authorize(context, "releaseDiff");
  return context.registry.read(async (db) =>
    diffReleases(await registry.releaseGet(db, from), await registry.releaseGet(db, releaseNumber)),
  );
}
