import { inspect } from "node:util";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { expect, it } from "vitest";
import { putSecretValue } from "./awsSecrets.ts";

/** A client that refuses as AWS does: with what it was sent in the words. */
function refusing(name: string, message: string): SecretsManagerClient {
  const thrown = Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400 } });
  return { send: () => Promise.reject(thrown) } as unknown as SecretsManagerClient;
}

it("does not pass on a refusal that quotes the value", async () => {
  const client = refusing("ValidationException", "Value 'hunter2hunter2' at 'secretString' failed");
  const refused = await putSecretValue(client, "tenant/secret", "hunter2hunter2").catch((error) => error);
  expect(refused).toMatchObject({ code: "cloud_refused", retryable: false });
  expect(refused.message).toContain("ValidationException");
  expect(inspect(refused, { depth: 5 })).not.toContain("hunter2");
});
