import { type FieldError, ProblemError } from "../../contract/errors.ts";
import type { Tenant } from "../../contract/tenant.ts";
import { requirePlaceable } from "../../registry/placement.ts";
import { planBind, requireIsolationInPlan } from "../../registry/planBinding.ts";
import { planeFind } from "../../registry/plane.ts";
import type { Reader } from "../../registry/registry.ts";
import { releaseFind } from "../../registry/release.ts";
import { tenantFindBySlug } from "../../registry/tenant.ts";
import { recordOf } from "./compare.ts";
import { externalIdProblems } from "./directory.ts";
import type { ParsedManifest } from "./parse.ts";

/** What a well-formed manifest must hold true of what is recorded: planes and releases it names, the tenant it changes. */
export async function problemsWith(db: Reader, parsed: ParsedManifest): Promise<FieldError[]> {
  const { metadata, spec } = parsed.manifest;
  const tenant = await tenantFindBySlug(db, metadata.slug);
  const problems = [...regionProblems(parsed), ...stateProblems(parsed, tenant)];
  problems.push(...(await placeProblems(db, parsed, tenant)));
  problems.push(...(await externalIdProblems(db, parsed, tenant?.tenantId)));
  if (typeof spec.release === "number" && (await releaseFind(db, spec.release)) === undefined) {
    const hint = "List releases with GET /v1/control-plane/releases.";
    problems.push(parsed.problem("spec.release", `must be a release's number, got ${spec.release}`, hint));
  }
  // A draft may be written before its plane is up, and what is recorded already was checked when it was.
  const known = spec.state === "draft" ? spec.planes : (tenant?.planes ?? []);
  for (const [index, name] of spec.planes.entries()) {
    const plane = await planeFind(db, name);
    const owner = plane?.dedicatedTo ?? null;
    if (owner !== null && owner !== tenant?.tenantId) {
      problems.push(parsed.problem(`spec.planes.${index}`, `is another tenant's own plane: ${name}`));
    }
    if (known.includes(name) || plane !== undefined) continue;
    const hint = "Bring it up with pulumi up and record it with POST /v1/control-plane/planes.";
    problems.push(parsed.problem(`spec.planes.${index}`, `must be a recorded plane, got ${name}`, hint));
  }
  return problems;
}

async function placeProblems(
  db: Reader,
  parsed: ParsedManifest,
  tenant: Tenant | undefined,
): Promise<FieldError[]> {
  const refusal = await placeRefusal(db, parsed, tenant);
  if (refusal === undefined) return [];
  const field = refusal.options.errors?.[0]?.path.replace(/^body\./, "") ?? "isolation";
  const { detail, hint } = refusal.options;
  return [parsed.problem(`spec.${field}`, `is refused: ${detail}`, hint)];
}

/** The rules that hold for every change of a record, asked before any is made: what the same edit over the API would be refused with. */
export async function placeRefusal(
  db: Reader,
  { manifest }: ParsedManifest,
  tenant: Tenant | undefined,
): Promise<ProblemError | undefined> {
  const { spec } = manifest;
  try {
    if (tenant === undefined)
      await requireIsolationInPlan(db, await planBind(db, undefined, spec), spec.isolation);
    else await requirePlaceable(db, tenant, await recordOf(db, tenant, manifest));
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
    return thrown;
  }
}

function* regionProblems(parsed: ParsedManifest): Generator<FieldError> {
  const { planes, regions } = parsed.manifest.spec;
  if (regions.allowed.length === 0) return;
  for (const [index, name] of planes.entries()) {
    const region = /^[a-z]+-([a-z]{2}(?:-[a-z]+)+-\d)/.exec(name)?.[1] ?? name;
    if (regions.allowed.includes(region)) continue;
    yield parsed.problem(`spec.planes.${index}`, `is in ${region}, which spec.regions.allowed does not name`);
  }
}

function* stateProblems(parsed: ParsedManifest, tenant: Tenant | undefined): Generator<FieldError> {
  const { state } = parsed.manifest.spec;
  const status = tenant?.status ?? "draft";
  if (tenant?.status === "decommissioning") {
    const hint =
      "Undo the decommissioning, wait for its end to use the slug again, or take the manifest out.";
    yield parsed.problem("metadata.slug", "is the slug of a tenant that is being decommissioned", hint);
    return;
  }
  const ran = status !== "draft" || tenant?.requestedStatus !== "draft";
  if (tenant !== undefined && state === "draft" && ran) {
    const hint = "Say suspended or archived to stop it.";
    yield parsed.problem("spec.state", `cannot be draft again: the tenant is ${status}`, hint);
  }
  if (state === "archived" && (tenant === undefined || !ran)) {
    yield parsed.problem("spec.state", "cannot be archived: a tenant that never ran has nothing to keep");
  }
}
