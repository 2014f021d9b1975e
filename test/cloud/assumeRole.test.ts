import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { ListServicesCommand } from "@aws-sdk/client-ecs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createAwsClients } from "../../service/cloud/awsClients.ts";
import type { CloudPlace } from "../../service/cloud/cloudRuntime.ts";

/** Refuses everybody, and remembers as whom they asked to act. */
const asked: URLSearchParams[] = [];
const sts = createServer(async (request, response) => {
  asked.push(new URLSearchParams(await text(request)));
  response.writeHead(403, { "content-type": "text/xml" });
  response.end(
    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
  );
});
beforeAll(() => new Promise<void>((resolve) => sts.listen(0, "127.0.0.1", resolve)));
afterAll(() => {
  sts.closeAllConnections();
  sts.close();
});

it("assumes a place's role with the external id that its trust asks for, and none where it asks for none", async () => {
  const clientsOf = createAwsClients({
    endpoint: `http://127.0.0.1:${(sts.address() as AddressInfo).port}`,
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
  });
  const roleArn = "arn:aws:iam::222233334444:role/tenantry/automation";
  const places: CloudPlace[] = [
    { region: "eu-west-1", roleArn, externalId: "of-acme" },
    { region: "eu-west-1", roleArn },
  ];
  for (const place of places) {
    await expect(clientsOf(place).ecs.send(new ListServicesCommand({}))).rejects.toThrow("no");
  }
  const told = asked.map((body) => [body.get("Action"), body.get("RoleArn"), body.get("ExternalId")]);
  expect(told).toEqual([
    ["AssumeRole", roleArn, "of-acme"],
    ["AssumeRole", roleArn, null],
  ]);
});
