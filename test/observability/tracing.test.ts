import { afterEach, describe, expect, it } from "vitest";
import { EngineError } from "../../service/engine/errors.ts";
import {
  controlPlane,
  createRelease,
  createTenant,
  ended,
  startTestService,
  type TestService,
} from "../service/harness.ts";
import { type ReceivedSpan, startCollector } from "./collector.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(...flags: string[]) {
  const collector = await startCollector();
  const service = await startTestService([
    ...["--reconcile", "off", "--trace-endpoint", collector.endpoint],
    ...flags,
  ]);
  let stopped = false;
  /** What is still to be sent is sent at the stop. */
  const finish = async () => {
    if (!stopped) await service.stop();
    stopped = true;
  };
  stops.push(collector.stop, finish);
  return { collector, service, finish };
}

async function activate(service: TestService, flags = "01") {
  await createRelease(service, "1.0.0");
  const tenantId = await createTenant(service, "acme");
  const headers = { traceparent: `00-${TRACE}-${CALLER}-${flags}` };
  const at = `${controlPlane}/tenants/${tenantId}/activate`;
  const { body } = await service.call("POST", at, { body: {}, headers });
  const { operationId } = body.operations[0];
  const operation = await ended(service, operationId);
  return { tenantId, operationId, operation };
}

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const span = spans.find((one) => one.name === name);
  if (span === undefined) throw new Error(`no span ${name} among ${spans.map((one) => one.name).join(", ")}`);
  return span;
}

describe("traces", () => {
  it("go from the caller through the request to the operation, its steps and their engine runs", async () => {
    const { collector, service, finish } = await start();
    const { tenantId, operationId } = await activate(service);
    await finish();
    const spans = collector.spans.filter(({ traceId }) => traceId === TRACE);
    const request = named(spans, "tenantActivate");
    const operation = named(spans, "operation tenant_activate");
    const step = named(spans, "step deploy");
    const run = named(spans, "engine up");
    expect(request.parentSpanId).toBe(CALLER);
    expect(operation.parentSpanId).toBe(request.spanId);
    expect(step.parentSpanId).toBe(operation.spanId);
    expect(run.parentSpanId).toBe(step.spanId);
    expect(request.attributes).toMatchObject({
      "http.route": "/v1/control-plane/tenants/:tenantId/activate",
      "http.response.status_code": 202,
    });
    expect(operation.attributes).toMatchObject({
      ...{ "tenantry.operation_id": operationId, "tenantry.tenant_id": tenantId },
      ...{ "tenantry.environment": "dev", "tenantry.region": "eu-west-1", "tenantry.outcome": "succeeded" },
    });
    expect(spans.some(({ failed }) => failed)).toBe(false);
  });

  it("mark what failed, by its code", async () => {
    const { collector, service, finish } = await start();
    service.world.failures = [new EngineError("provider_denied", "the provider said no")];
    const { operation } = await activate(service);
    expect(operation.status).toBe("failed");
    await finish();
    const failed = collector.spans.filter((span) => span.failed);
    expect(failed.map(({ name, attributes }) => [name, attributes["error.type"]]).sort()).toEqual([
      ["engine up", "provider_denied"],
      ["operation tenant_activate", "failed"],
      ["step deploy", "provider_denied"],
    ]);
  });

  it("do not mark a refusal as a fault, and leave out who asks how the service is", async () => {
    const { collector, service, finish } = await start();
    await service.call("GET", `${controlPlane}/tenants/00000000-0000-4000-8000-000000000000`);
    await service.call("GET", "/readiness");
    await finish();
    const refused = named(collector.spans, "tenantGet");
    expect(refused).toMatchObject({ failed: false, attributes: { "tenantry.code": "tenant_not_found" } });
    expect(collector.spans.some(({ name }) => name === "serviceReadiness")).toBe(false);
  });

  it("are kept as the caller says, and begun as the setting says", async () => {
    const { collector, service, finish } = await start("--trace-sample", "0");
    await activate(service, "00");
    await finish();
    expect(collector.spans).toEqual([]);
  });

  it("hold no key and no address", async () => {
    const { collector, service, finish } = await start();
    await activate(service);
    await finish();
    const sent = collector.bodies.join();
    expect(sent).toContain("tenantActivate");
    expect(sent).not.toContain(service.adminKey);
    expect(sent).not.toMatch(/Bearer|authorization/i);
  });

  it("that nobody takes hold nothing up", async () => {
    const { collector, service, finish } = await start();
    await collector.stop();
    stops.splice(0, 1);
    const { operation } = await activate(service);
    expect(operation.status).toBe("succeeded");
    await finish();
  });
});

describe("without --trace-endpoint", () => {
  it("an operation's journal names no trace", async () => {
    const service = await startTestService(["--reconcile", "off"]);
    stops.push(() => service.stop());
    const { operationId } = await activate(service);
    const [created] = await service
      .registry()
      .read((db) =>
        db
          .selectFrom("operationJournal")
          .select("data")
          .where("operationId", "=", operationId)
          .where("sequence", "=", 1)
          .execute(),
      );
    expect(JSON.stringify(created)).not.toContain("traceparent");
  });
});
