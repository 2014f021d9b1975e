import type { HealthGate } from "../../../contract/rolloutStrategy.ts";
import type { Target } from "../../../contract/target.ts";
import type { Tenant } from "../../../contract/tenant.ts";
import { planeGet } from "../../../registry/plane.ts";
import type { ServiceContext } from "../../app/context.ts";
import { healthOf } from "../../app/health.ts";
import { limits } from "../../config/limits.ts";
import { cloudPlace } from "../../operations/dataPlace.ts";
import { describeFailure } from "../../operations/failure.ts";
import { askGate, GateRefusal } from "./gateHttp.ts";

/**
 * Whether a target that was just changed is well: what the cloud says of its services, and what an HTTP check and a metric
 * query say that the rollout names. All of them must agree. Asked at the end of a target's deployment and again and
 * again while it bakes. Whoever cannot be asked counts as not well, with the reason.
 */
type HttpCheck = NonNullable<HealthGate["http"]>;
/** Asked as Prometheus is asked; an answer that is a bare number will do as well. */
type MetricCheck = NonNullable<HealthGate["metric"]>;

/** Undefined when the target is well, else why not. */
export async function whyUnwell(
  service: Pick<ServiceContext, "cloud" | "registry" | "settings">,
  target: Target,
  tenant: Pick<Tenant, "slug">,
  gate: HealthGate,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const fields = fieldsOf(target, tenant);
  const { settings } = service;
  const common = { fields, allowed: settings.gateHosts, ...(signal && { signal }) };
  return (
    (gate.cloud ? await whyCloudUnwell(service, target) : undefined) ??
    (gate.http ? await whyHttpUnwell(gate.http, common) : undefined) ??
    (gate.metric ? await whyMetricUnwell(gate.metric, common) : undefined)
  );
}

async function whyCloudUnwell(
  { cloud, registry, settings }: Pick<ServiceContext, "cloud" | "registry" | "settings">,
  { clusterName: cluster, tenantId, planeName }: Target,
): Promise<string | undefined> {
  if (cluster === null) return "it has not been deployed";
  try {
    const plane = await registry.read((db) => planeGet(db, planeName));
    const services = await cloud.serviceHealth({ ...cloudPlace(plane, settings), cluster, tenantId });
    return healthOf(services).reason ?? undefined;
  } catch (thrown) {
    return `the cloud cannot be asked about it: ${describeFailure(thrown).message}`;
  }
}

interface Common {
  readonly fields: Readonly<Record<string, string>>;
  readonly allowed: readonly string[];
  readonly signal?: AbortSignal;
}

async function whyHttpUnwell(
  { url: template, expectStatus, expectText, timeoutMs }: HttpCheck,
  { fields, allowed, signal }: Common,
): Promise<string | undefined> {
  try {
    const url = urlFrom(template, fields);
    const maxBytes = limits.gateBodyBytes;
    const { status, body } = await askGate({ url, timeoutMs, maxBytes, allowed, ...(signal && { signal }) });
    if (status !== expectStatus) {
      return `the HTTP check must answer ${expectStatus}, got ${status} from ${url.origin}${url.pathname}`;
    }
    if (expectText === undefined || body.includes(expectText)) return undefined;
    return `the HTTP check must answer with the text expected, got another from ${url.origin}${url.pathname}`;
  } catch (thrown) {
    return `the HTTP check failed: ${inWords(thrown)}`;
  }
}

async function whyMetricUnwell(check: MetricCheck, common: Common): Promise<string | undefined> {
  const { url: template, query, min, max, timeoutMs } = check;
  const { fields, allowed, signal } = common;
  try {
    const url = urlFrom(template, fields);
    url.searchParams.set("query", filled(query, fields, String));
    const maxBytes = limits.gateBodyBytes;
    const { status, body } = await askGate({ url, timeoutMs, maxBytes, allowed, ...(signal && { signal }) });
    if (status !== 200) return `the metric query must answer 200, got ${status} from ${url.origin}`;
    const value = numberIn(body);
    if (value === undefined) return "the metric query must answer with one number, got something else";
    if (min !== undefined && value < min) return `the metric must be at least ${min}, got ${value}`;
    if (max !== undefined && value > max) return `the metric must be at most ${max}, got ${value}`;
    return undefined;
  } catch (thrown) {
    return `the metric query failed: ${inWords(thrown)}`;
  }
}

function inWords(thrown: unknown): string {
  if (thrown instanceof GateRefusal) return thrown.message;
  if (thrown instanceof TypeError) return "its URL cannot be read";
  return thrown instanceof Error ? thrown.message.slice(0, 200) : "it cannot be asked";
}

function fieldsOf(target: Target, { slug }: Pick<Tenant, "slug">): Record<string, string> {
  const { tenantId, targetId, planeName, publicName } = target;
  return { tenantId, slug, targetId, planeName, ...(publicName !== null && { host: publicName }) };
}

/** Left empty, a host's name would make the first part of the path the host that is asked. */
function urlFrom(template: string, fields: Readonly<Record<string, string>>): URL {
  if (template.includes("{host}") && fields.host === undefined) {
    throw new GateRefusal("its URL names {host}, and the target has no public name");
  }
  return new URL(filled(template, fields));
}

/** Fills in `{field}`. A name that is none of ours stays as it is: braces are part of query languages. */
export function filled(
  template: string,
  fields: Readonly<Record<string, string>>,
  encode: (value: string) => string = encodeURIComponent,
): string {
  return template.replace(/\{([a-zA-Z]+)\}/g, (whole, name: string) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return value === undefined ? whole : encode(value);
  });
}

/** A bare number, or the single sample of a Prometheus answer, scalar or vector. */
export function numberIn(body: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const value = typeof parsed === "number" ? parsed : sampleOf(parsed);
    return value !== undefined && Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

interface PrometheusAnswer {
  readonly data?: { readonly resultType?: string; readonly result?: unknown };
}

function sampleOf(answer: unknown): number | undefined {
  const { resultType, result } = (answer as PrometheusAnswer | null)?.data ?? {};
  if (!Array.isArray(result)) return undefined;
  if (resultType === "scalar") return Number(result[1]);
  if (result.length !== 1) return undefined;
  const sample: unknown = (result[0] as { value?: unknown }).value;
  return Array.isArray(sample) ? Number(sample[1]) : undefined;
}
