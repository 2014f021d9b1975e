import type { BodyOf, ParamsOf, QueryOf, ResponseOf } from "../../contract/route.ts";
import type { OperationId, Routes } from "../../contract/routes.ts";
import * as apiKey from "../app/apiKey.ts";
import * as archive from "../app/archive.ts";
import * as audit from "../app/audit.ts";
import * as auditCheckpoint from "../app/auditCheckpoint.ts";
import * as breaker from "../app/breaker.ts";
import * as certificate from "../app/certificate.ts";
import * as connector from "../app/connector.ts";
import * as contact from "../app/contact.ts";
import * as decommission from "../app/decommission.ts";
import * as domain from "../app/domain.ts";
import * as drift from "../app/drift.ts";
import * as driftCause from "../app/driftCause.ts";
import * as driftRepair from "../app/driftRepair.ts";
import * as driftSchedule from "../app/driftSchedule.ts";
import * as entitlement from "../app/entitlement.ts";
import * as evidence from "../app/evidence.ts";
import * as externalId from "../app/externalId.ts";
import * as flag from "../app/flag.ts";
import * as health from "../app/health.ts";
import * as impact from "../app/impact.ts";
import * as incident from "../app/incident.ts";
import * as integration from "../app/integration.ts";
import * as legalHold from "../app/legalHold.ts";
import * as limitOverride from "../app/limitOverride.ts";
import * as manifest from "../app/manifest.ts";
import * as meter from "../app/meter.ts";
import * as operation from "../app/operation.ts";
import * as pin from "../app/pin.ts";
import * as placement from "../app/placement.ts";
import * as plan from "../app/plan.ts";
import * as plane from "../app/plane.ts";
import * as policy from "../app/policy.ts";
import * as preflight from "../app/preflight.ts";
import * as quota from "../app/quota.ts";
import * as reconcile from "../app/reconcile.ts";
import * as release from "../app/release.ts";
import * as residency from "../app/residency.ts";
import * as retention from "../app/retention.ts";
import * as rollout from "../app/rollout.ts";
import * as routing from "../app/routing.ts";
import * as tenant from "../app/tenant.ts";
import * as lifecycle from "../app/tenantLifecycle.ts";
import * as profile from "../app/tenantProfile.ts";
import * as reconfigure from "../app/tenantReconfigure.ts";
import * as status from "../app/tenantStatus.ts";
import * as usage from "../app/usage.ts";
import * as window from "../app/window.ts";
import { limits } from "../config/limits.ts";
import { createFigures } from "../figures.ts";
import type { CallTools } from "./deps.ts";
import { sendEntitlementBundle } from "./entitlementBundle.ts";
import { sendEventStream } from "./eventStream.ts";
import { sendPieces } from "./pieces.ts";
import { sendRoutingLatest } from "./routingLatest.ts";
import { createPlaces, type Streams } from "./streams.ts";
import { expectedVersion } from "./versions.ts";

/** The documents are mounted by docs.ts, which needs no wrapper. */
type Handled = Exclude<OperationId, "serviceOpenapi" | "serviceDocs">;

interface Input<Id extends OperationId> {
  readonly params: ParamsOf<Routes[Id]>;
  readonly query: QueryOf<Routes[Id]>;
  readonly body: BodyOf<Routes[Id]>;
}

/** A handler gives back what is to be sent, or nothing when it has written the answer itself. */
type Handler<Id extends OperationId> = (
  input: Input<Id>,
  tools: CallTools,
) => Promise<ResponseOf<Routes[Id]>>;

export type Handlers = { readonly [Id in Handled]: Handler<Id> };

export interface HandlerDeps {
  readonly streams: Streams;
  readonly version: string;
  isStopping(): boolean;
}

export function createHandlers({ streams, version, isStopping }: HandlerDeps): Handlers {
  const packs = createPlaces("evidence packs", limits.evidencePacks);
  const observeFigures = createFigures();
  return {
    tenantCreate: ({ body }, { context }) => tenant.tenantCreate(context, body),
    tenantList: ({ query }, { context }) => tenant.tenantList(context, query),
    tenantGet: ({ params }, tools) => tenant.tenantGet(tools.context, params.tenantId),
    tenantUpdate: ({ params, body }, tools) =>
      tenant.tenantUpdate(tools.context, params.tenantId, body, expectedVersion(tools)),
    tenantReconfigure: ({ params, body }, tools) =>
      reconfigure.tenantReconfigure(tools.context, params.tenantId, body, expectedVersion(tools)),
    tenantVersionList: ({ params, query }, { context }) =>
      tenant.tenantVersionList(context, params.tenantId, query),
    tenantVersionGet: ({ params }, { context }) =>
      tenant.tenantVersionGet(context, params.tenantId, params.recordVersion),
    tenantVersionRestore: async ({ params: { tenantId, recordVersion }, body }, tools) => {
      const version = { recordVersion, ...body };
      const restored = tenant.tenantVersionRestore(tools.context, tenantId, version, expectedVersion(tools));
      return restored;
    },
    tenantProfile: ({ params }, { context }) => profile.tenantProfile(context, params.tenantId),
    contactCreate: ({ params, body }, tools) => contact.contactCreate(tools.context, params.tenantId, body),
    contactList: ({ params, query }, { context }) => contact.contactList(context, params.tenantId, query),
    contactGet: ({ params }, tools) => contact.contactGet(tools.context, params),
    contactUpdate: ({ params, body }, tools) =>
      contact.contactUpdate(tools.context, params, body, expectedVersion(tools)),
    contactRemove: ({ params, query }, tools) =>
      contact.contactRemove(tools.context, params, query.reason, expectedVersion(tools)),
    tenantByExternalId: ({ params }, tools) => externalId.tenantByExternalId(tools.context, params),
    externalIdSet: ({ params, body }, tools) =>
      externalId.externalIdSet(tools.context, params, body, expectedVersion(tools)),
    externalIdList: ({ params, query }, { context }) =>
      externalId.externalIdList(context, params.tenantId, query),
    externalIdRemove: ({ params, query }, tools) =>
      externalId.externalIdRemove(tools.context, params, query.reason, expectedVersion(tools)),
    placementList: ({ params, query }, { context }) =>
      placement.placementList(context, params.tenantId, query),
    targetList: ({ params, query }, { context }) => tenant.targetList(context, params.tenantId, query),

    tenantActivate: ({ params, body }, { context }) =>
      lifecycle.tenantActivate(context, params.tenantId, body),
    tenantDeploy: ({ params, body }, { context }) => lifecycle.tenantDeploy(context, params.tenantId, body),
    tenantSuspend: ({ params, body }, { context }) => lifecycle.tenantSuspend(context, params.tenantId, body),
    tenantReactivate: ({ params, body }, { context }) =>
      lifecycle.tenantReactivate(context, params.tenantId, body),
    tenantRotateCredentials: ({ params, body }, { context }) =>
      lifecycle.tenantRotateCredentials(context, params.tenantId, body),
    tenantArchive: ({ params, body }, { context }) => archive.tenantArchive(context, params.tenantId, body),
    tenantRestore: ({ params, body }, { context }) => archive.tenantRestore(context, params.tenantId, body),
    archiveList: ({ params, query }, { context }) => archive.archiveList(context, params.tenantId, query),
    tenantDecommission: ({ params, body }, { context }) =>
      decommission.tenantDecommission(context, params.tenantId, body),
    tenantDecommissionUndo: ({ params, body }, { context }) =>
      decommission.tenantDecommissionUndo(context, params.tenantId, body),
    tenantDelete: ({ params, query }, tools) =>
      legalHold.tenantDelete(tools.context, params.tenantId, query.reason),
    legalHoldPlace: ({ params, body }, tools) =>
      legalHold.legalHoldPlace(tools.context, params.tenantId, body),
    legalHoldLift: ({ params, query }, tools) =>
      legalHold.legalHoldLift(tools.context, params.tenantId, query.reason),
    certificateGet: ({ params }, { context }) => certificate.certificateGet(context, params.tenantId),
    signingKeyList: ({ query }, { context }) => certificate.signingKeyList(context, query),

    operationList: ({ query }, { context }) => operation.operationList(context, query),
    operationGet: ({ params }, { context }) => operation.operationGet(context, params.operationId),
    operationEvents: async ({ params }, { context, request, response }) => {
      const feed = await operation.operationEvents(context, params.operationId);
      streams.admit(response);
      await sendEventStream(request, response, feed);
    },
    operationCancel: ({ params, body }, { context }) =>
      operation.operationCancel(context, params.operationId, body.reason),
    operationRetry: ({ params, body }, { context }) =>
      operation.operationRetry(context, params.operationId, body),

    planeRecord: ({ body }, { context }) => plane.planeRecord(context, body),
    planeList: ({ query }, { context }) => plane.planeList(context, query),
    planeGet: ({ params }, { context }) => plane.planeGet(context, params.planeName),

    planePreflight: ({ params, query }, { context }) =>
      preflight.planePreflight(context, params.planeName, query),
    tenantPreflight: ({ params, body }, { context }) =>
      preflight.tenantPreflight(context, params.tenantId, body),

    routingLatest: ({ params, query }, tools) =>
      sendRoutingLatest(tools, params.planeName, query.waitMs, isStopping),
    routingStatus: ({ params }, { context }) => routing.routingStatus(context, params.planeName),
    routingVersionList: ({ params, query }, { context }) =>
      routing.routingVersionList(context, params.planeName, query),
    routingVersionGet: ({ params }, { context }) => routing.routingVersionGet(context, params),
    routingDiff: ({ params, query }, { context }) => routing.routingDiff(context, params.planeName, query),
    routingPublish: ({ params, body }, { context }) =>
      routing.routingPublish(context, params.planeName, body.reason),
    routingRollback: ({ params, body }, tools) =>
      routing.routingRollback(tools.context, params.planeName, body, expectedVersion(tools)),
    routingRelease: ({ params, body }, tools) =>
      routing.routingRelease(tools.context, params.planeName, body, expectedVersion(tools)),

    domainCreate: ({ params, body }, tools) => domain.domainCreate(tools.context, params.tenantId, body),
    domainList: ({ params, query }, { context }) => domain.domainList(context, params.tenantId, query),
    domainGet: ({ params }, tools) => domain.domainGet(tools.context, params),
    domainVerify: ({ params, body }, tools) =>
      domain.domainVerify(tools.context, params, body, expectedVersion(tools)),
    domainDelete: ({ params, query }, tools) =>
      domain.domainDelete(tools.context, params, query.reason, expectedVersion(tools)),

    releaseCreate: ({ body }, { context }) => release.releaseCreate(context, body),
    releaseList: ({ query }, { context }) => release.releaseList(context, query),
    releaseGet: ({ params }, { context }) => release.releaseGet(context, params.releaseNumber),
    releaseDiff: ({ params, query }, { context }) =>
      release.releaseDiff(context, params.releaseNumber, query.with),

    pinCreate: ({ body }, { context }) => pin.pinCreate(context, body),
    pinList: ({ query }, { context }) => pin.pinList(context, query),
    pinRelease: ({ params, body }, { context }) => pin.pinRelease(context, params.pinId, body.reason),

    windowCreate: ({ body }, { context }) => window.windowCreate(context, body),
    windowList: ({ query }, { context }) => window.windowList(context, query),
    windowEvaluation: ({ query }, { context }) => window.windowEvaluation(context, query),
    windowGet: ({ params }, { context }) => window.windowGet(context, params.windowId),
    windowDelete: ({ params, query }, { context }) =>
      window.windowDelete(context, params.windowId, query.reason),

    planApply: ({ body, query }, { context }) => plan.planApply(context, body, query),
    planList: ({ query }, { context }) => plan.planList(context, query),
    planGet: ({ params, query }, { context }) => plan.planGet(context, params.planKey, query.version),
    planVersionList: ({ params, query }, { context }) => plan.planVersionList(context, params.planKey, query),
    planDiff: ({ params, query }, { context }) => plan.planDiff(context, params.planKey, query),
    planExport: async ({ params, query }, { context, response }) => {
      const text = await plan.planExport(context, params.planKey, query.version);
      response.status(200).type("application/yaml").send(text);
    },

    entitlementSet: ({ params, body }, tools) =>
      entitlement.entitlementSet(tools.context, params.tenantId, body, expectedVersion(tools)),
    entitlementList: ({ params, query }, tools) =>
      entitlement.entitlementList(tools.context, params.tenantId, query.source),
    entitlementRemove: async ({ params, query }, tools) => {
      const removed = entitlement.entitlementRemove(
        tools.context,
        params,
        query.reason,
        expectedVersion(tools),
      );
      return removed;
    },
    entitlementBundleGet: ({ params, query }, tools) =>
      sendEntitlementBundle(tools, params.tenantId, query.waitMs),

    flagCreate: ({ body }, tools) => flag.flagCreate(tools.context, body),
    flagList: ({ query }, { context }) => flag.flagList(context, query),
    flagGet: ({ params }, tools) => flag.flagGet(tools.context, params.flagKey),
    flagUpdate: ({ params, body }, tools) =>
      flag.flagUpdate(tools.context, params.flagKey, body, expectedVersion(tools)),
    flagArchive: ({ params, query }, tools) =>
      flag.flagArchive(tools.context, params.flagKey, query.reason, expectedVersion(tools)),
    flagOverrideSet: ({ params, body }, tools) =>
      flag.flagOverrideSet(tools.context, params, body, expectedVersion(tools)),
    flagOverrideRemove: ({ params, query }, tools) =>
      flag.flagOverrideRemove(tools.context, params, query.reason, expectedVersion(tools)),
    flagOverrideList: ({ params, query }, { context }) =>
      flag.flagOverrideList(context, params.flagKey, query),
    tenantFlags: async ({ params, query }, { context, request, response }) => {
      const flags = await flag.tenantFlags(context, params.tenantId, query.plane);
      const etag = flag.flagsEtag(flags);
      response.set({ ETag: etag, "Cache-Control": "private, no-cache" });
      if (isKnown(request, etag)) response.status(304).end();
      return flags;
    },

    incidentCreate: ({ body }, tools) => incident.incidentCreate(tools.context, body),
    incidentList: ({ query }, { context }) => incident.incidentList(context, query),
    incidentGet: ({ params }, tools) => incident.incidentGet(tools.context, params.incidentId),
    incidentUpdate: async ({ params, body }, tools) => {
      const updated = incident.incidentUpdate(tools.context, params.incidentId, body, expectedVersion(tools));
      return updated;
    },
    incidentNoteCreate: ({ params, body }, { context }) =>
      incident.incidentNoteCreate(context, params.incidentId, body),
    incidentNoteList: ({ params, query }, { context }) =>
      incident.incidentNoteList(context, params.incidentId, query),
    impactGet: ({ query }, { context }) => impact.impactGet(context, query),
    tenantStatus: ({ params }, { context }) => status.tenantStatus(context, params.tenantId),

    rolloutCreate: ({ body }, { context }) => rollout.rolloutCreate(context, body),
    rolloutList: ({ query }, { context }) => rollout.rolloutList(context, query),
    rolloutGet: ({ params }, { context }) => rollout.rolloutGet(context, params.rolloutId),
    rolloutTargetList: ({ params, query }, { context }) =>
      rollout.rolloutTargetList(context, params.rolloutId, query),
    rolloutPreviewGet: ({ params, query }, { context }) =>
      rollout.rolloutPreviewGet(context, params.rolloutId, query),
    rolloutPreview: ({ params, body }, { context }) =>
      rollout.rolloutPreview(context, params.rolloutId, body),
    rolloutStart: ({ params, body }, { context }) => rollout.rolloutStart(context, params.rolloutId, body),
    rolloutPause: ({ params, body }, { context }) => rollout.rolloutPause(context, params.rolloutId, body),
    rolloutResume: ({ params, body }, { context }) => rollout.rolloutResume(context, params.rolloutId, body),
    rolloutCancel: ({ params, body }, { context }) => rollout.rolloutCancel(context, params.rolloutId, body),
    rolloutApprove: ({ params, body }, { context }) =>
      rollout.rolloutApprove(context, params.rolloutId, body),
    rolloutSkip: ({ params, body }, { context }) => rollout.rolloutSkip(context, params.rolloutId, body),
    rolloutRetry: ({ params, body }, { context }) => rollout.rolloutRetry(context, params.rolloutId, body),
    rolloutRetarget: ({ params, body }, { context }) =>
      rollout.rolloutRetarget(context, params.rolloutId, body),
    rolloutRollback: ({ params, body }, { context }) =>
      rollout.rolloutRollback(context, params.rolloutId, body),

    policyGet: (_input, { context }) => policy.policyGet(context),
    policySchemaGet: async (_input, { context, response }) => {
      const text = await policy.policySchemaGet(context);
      response.status(200).type("text/plain").send(text);
    },
    policyVersionGet: ({ params }, { context }) => policy.policyVersionGet(context, params.version),
    policyEvaluate: ({ body }, { context }) => policy.policyEvaluate(context, body),

    residencyRegionList: ({ query }, { context }) => residency.residencyRegionList(context, query),
    residencyRegionGet: ({ params }, { context }) => residency.residencyRegionGet(context, params.region),
    residencyEndpointSet: ({ params, body }, tools) =>
      residency.residencyEndpointSet(tools.context, params, body, expectedVersion(tools)),
    residencyEndpointRemove: ({ params, query }, tools) =>
      residency.residencyEndpointRemove(tools.context, params, query.reason, expectedVersion(tools)),
    tenantResidency: ({ params, query }, { context }) =>
      residency.tenantResidency(context, params.tenantId, query.region),

    breakerList: ({ query }, { context }) => breaker.breakerList(context, query),
    breakerReset: ({ params, body }, { context }) => breaker.breakerReset(context, params.scope, body.reason),

    driftScanCreate: ({ body }, { context }) => drift.driftScanCreate(context, body),
    driftScanList: ({ query }, { context }) => drift.driftScanList(context, query),
    driftScanGet: ({ params }, { context }) => drift.driftScanGet(context, params.scanId),
    driftScanTargetList: ({ params, query }, { context }) =>
      drift.driftScanTargetList(context, params.scanId, query),
    driftScanFindingList: ({ params, query }, { context }) =>
      drift.driftScanFindingList(context, params.scanId, query),
    driftFindingList: ({ query }, { context }) => drift.driftFindingList(context, query),
    driftRepairCreate: ({ body }, { context }) => driftRepair.driftRepairCreate(context, body),
    driftRepairPreview: ({ body }, { context }) => driftRepair.driftRepairPreview(context, body),
    driftCauseList: ({ query }, { context }) => driftCause.driftCauseList(context, query),
    driftCauseGet: ({ params }, { context }) => driftCause.driftCauseGet(context, params.causeId),
    driftCauseFindingList: ({ params, query }, { context }) =>
      driftCause.driftCauseFindingList(context, params.causeId, query),
    driftIgnoreCreate: ({ params, body }, { context }) =>
      driftCause.driftIgnoreCreate(context, params.causeId, body),
    driftIgnoreList: ({ query }, { context }) => driftCause.driftIgnoreList(context, query),
    driftIgnoreEnd: ({ params, body }, { context }) =>
      driftCause.driftIgnoreEnd(context, params.ignoreId, body.reason),
    driftScheduleCreate: ({ body }, { context }) => driftSchedule.driftScheduleCreate(context, body),
    driftScheduleList: ({ query }, { context }) => driftSchedule.driftScheduleList(context, query),
    driftScheduleDelete: ({ params, query }, { context }) =>
      driftSchedule.driftScheduleDelete(context, params.scheduleId, query.reason),

    tenantQuotas: ({ params }, { context }) => quota.tenantQuotas(context, params.tenantId),
    quotaCheck: ({ params, query }, { context }) => quota.quotaCheck(context, params, query.wanted),
    limitOverrideCreate: ({ body }, { context }) => limitOverride.limitOverrideCreate(context, body),
    limitOverrideList: ({ query }, { context }) => limitOverride.limitOverrideList(context, query),
    limitOverrideGet: ({ params }, { context }) => limitOverride.limitOverrideGet(context, params.overrideId),
    limitOverrideEnd: ({ params, body }, { context }) =>
      limitOverride.limitOverrideEnd(context, params.overrideId, body.reason),
    meterCreate: ({ body }, { context }) => meter.meterCreate(context, body),
    meterList: ({ query }, { context }) => meter.meterList(context, query),
    meterArchive: ({ params, query }, { context }) =>
      meter.meterArchive(context, params.meterKey, query.reason),
    usageIngest: ({ body }, { context }) => usage.usageIngest(context, body),
    usageEventList: ({ query }, { context }) => usage.usageEventList(context, query),
    usageTotalList: ({ query }, { context }) => usage.usageTotalList(context, query),
    usageExport: async ({ query }, { context, response }) => {
      const pieces = await usage.usageExport(context, query);
      streams.admit(response);
      await sendPieces(response, query.format === "csv" ? "text/csv" : "application/x-ndjson", pieces);
    },

    manifestApply: ({ body, query }, { context }) => manifest.manifestApply(context, body, query),
    manifestDiff: ({ body }, { context }) => manifest.manifestDiff(context, body),
    manifestExport: async ({ params }, { context, response }) => {
      const text = await manifest.manifestExport(context, params.slug);
      response.status(200).type("application/yaml").send(text);
    },
    manifestList: ({ query }, { context }) => manifest.manifestList(context, query),
    manifestRelease: ({ params, body }, { context }) =>
      manifest.manifestRelease(context, params.slug, body.reason),
    reconcileStatus: ({ query }, { context }) => reconcile.reconcileStatus(context, query),

    connectorList: ({ query }, { context }) => connector.connectorList(context, query),
    connectorGet: ({ params }, { context }) => connector.connectorGet(context, params.connectorKey),
    integrationCreate: ({ params, body }, tools) =>
      integration.integrationCreate(tools.context, params.tenantId, body),
    integrationList: ({ params, query }, { context }) =>
      integration.integrationList(context, params.tenantId, query),
    integrationGet: ({ params }, tools) =>
      integration.integrationGet(tools.context, params.tenantId, params.integrationId),
    integrationUpdate: ({ params, body }, tools) =>
      integration.integrationUpdate(tools.context, params, body, expectedVersion(tools)),
    integrationDisable: ({ params, body }, tools) =>
      integration.integrationDisable(tools.context, params, body.reason, expectedVersion(tools)),
    integrationEnable: ({ params, body }, tools) =>
      integration.integrationEnable(tools.context, params, body.reason, expectedVersion(tools)),
    integrationRemove: ({ params, query }, tools) =>
      integration.integrationRemove(tools.context, params, query.reason, expectedVersion(tools)),

    auditEventList: ({ query }, { context }) => audit.auditEventList(context, query),
    auditDecisionList: ({ query }, { context }) => audit.auditDecisionList(context, query),
    auditExport: async ({ query }, { context, response }) => {
      const lines = await auditCheckpoint.auditExport(context, query);
      await sendPieces(response, "application/x-ndjson", lines);
    },
    auditCheckpointCreate: ({ body }, { context }) => auditCheckpoint.auditCheckpointCreate(context, body),
    auditCheckpointList: ({ query }, { context }) => auditCheckpoint.auditCheckpointList(context, query),
    auditCheckpointGet: ({ params }, { context }) =>
      auditCheckpoint.auditCheckpointGet(context, params.number),
    auditCheckpointExport: async ({ params }, { context, response }) => {
      const lines = await auditCheckpoint.auditCheckpointExport(context, params.number);
      await sendPieces(response, "application/x-ndjson", lines);
    },
    tenantAuditProof: async ({ params, query }, { context, response }) => {
      const lines = await auditCheckpoint.tenantAuditProof(context, params.tenantId, query);
      await sendPieces(response, "application/x-ndjson", lines);
    },
    retentionList: (_input, { context }) => retention.retentionList(context),
    retentionSet: ({ params, body }, tools) =>
      retention.retentionSet(tools.context, params.dataClass, body, expectedVersion(tools)),
    tenantEvidence: async ({ params, query }, { context, response }) => {
      packs.admit(response);
      const { name, bytes } = await evidence.tenantEvidence(context, params.tenantId, query);
      response.set("Content-Disposition", `attachment; filename="${name}"`);
      await sendPieces(response, "application/zip", bytes, limits.evidenceMs);
    },
    auditVerification: ({ query }, { context }) => audit.auditVerification(context, query),

    apiKeyCreate: ({ body }, { context }) => apiKey.apiKeyCreate(context, body),
    apiKeyList: ({ query }, { context }) => apiKey.apiKeyList(context, query),
    apiKeyRotate: ({ params, body }, { context }) => apiKey.apiKeyRotate(context, params.keyId, body),
    apiKeyRevoke: ({ params, query }, { context }) =>
      apiKey.apiKeyRevoke(context, params.keyId, query.reason),

    tenantHealthList: ({ query }, { context }) => health.tenantHealthList(context, query),
    serviceHealth: async () => health.serviceHealth(version),
    serviceReadiness: (_input, { context }) => health.serviceReadiness(context, version, isStopping()),
    serviceMetrics: async (_input, { context, response }) => {
      await observeFigures(context);
      const { registry } = context.metrics;
      response
        .status(200)
        .type(registry.contentType)
        .send(await registry.metrics());
    },
  };
}

/** By If-None-Match alone: `fetch` sends Cache-Control: no-cache with it, which Express would take for a wish to have it all. */
function isKnown(request: CallTools["request"], etag: string): boolean {
  const known = (request.get("if-none-match") ?? "").split(",").map((one) => one.trim().replace(/^W\//, ""));
  return known.includes(etag) || known.includes("*");
}
