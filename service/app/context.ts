import type { ApiKeyRole } from "../../contract/vocabulary.ts";
import type { Registry } from "../../registry/registry.ts";
import type { CloudRuntime } from "../cloud/cloudRuntime.ts";
import type { Settings } from "../config.ts";
import type { Engine } from "../engine/engine.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Nudges } from "../nudges.ts";

/** What every part of the service shares. */
export interface ServiceContext {
  readonly settings: Settings;
  readonly registry: Registry;
  readonly engine: Engine;
  readonly cloud: CloudRuntime;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nudges: Nudges;
}

/** Who asks. The role is null for whoever has no key; such a caller reaches only what needs none. */
export interface Principal {
  readonly kind: "api_key" | "anonymous";
  readonly id: string;
  readonly name: string;
  readonly role: ApiKeyRole | null;
}

export interface RequestContext extends ServiceContext {
  readonly principal: Principal;
  readonly requestId: string;
  readonly correlationId: string;
}
