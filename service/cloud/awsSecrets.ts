import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { asked } from "./awsErrors.ts";
import { CloudRuntimeError } from "./cloudRuntime.ts";
import { type Permit, sending } from "./permit.ts";

const MISSING = "ResourceNotFoundException";

export async function readSecret(
  client: SecretsManagerClient,
  secretId: string,
): Promise<string | undefined> {
  return asked("Secrets Manager", async () => {
    try {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
      return SecretString;
    } catch (thrown) {
      // The same answer for a secret without a value and for no secret at all.
      if (!(thrown instanceof Error) || thrown.name !== MISSING) throw thrown;
      await client.send(new DescribeSecretCommand({ SecretId: secretId })).catch((cause: unknown) => {
        if (cause instanceof Error && cause.name === MISSING) throw secretNotFound(secretId);
        throw cause;
      });
      return undefined;
    }
  });
}

/** A refusal's own text is left out, since a validation may quote the value. */
export async function putSecretValue(
  client: SecretsManagerClient,
  secretId: string,
  value: string,
  permit?: Permit,
): Promise<void> {
  const put = async () => {
    try {
      await client.send(
        new PutSecretValueCommand({ SecretId: secretId, SecretString: value }),
        sending(permit),
      );
    } catch (thrown) {
      if (!(thrown instanceof Error) || !("$metadata" in thrown)) throw thrown;
      if (thrown.name === MISSING) throw secretNotFound(secretId);
      const { $metadata, name } = thrown;
      throw Object.assign(new Error(`cannot write the value of ${secretId}`), { name, $metadata });
    }
  };
  await asked("Secrets Manager", put, permit);
}

export function secretNotFound(secretId: string): CloudRuntimeError {
  const message = `Cannot find the secret ${secretId}: it must exist. Deploy what makes it, then try again.`;
  return new CloudRuntimeError("secret_not_found", message, { retryable: false });
}
