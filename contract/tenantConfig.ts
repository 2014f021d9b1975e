import { z } from "zod";
import { LIMITS } from "./common.ts";
import type { ErrorCode } from "./errors.ts";
import { namesSecret, secretShapeOf } from "./secretShape.ts";

const secretRefused = { code: "secret_value_refused" satisfies ErrorCode };

const settingName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
    error: "must be letters, digits and _, as it becomes an environment variable",
  });

/** Plain settings of the services. What is or is named like a secret is refused: it belongs into `secretRefs`. */
export const settingsSchema = z
  .record(settingName, z.string().max(LIMITS.settingValueChars))
  .superRefine((settings, context) => {
    if (Object.keys(settings).length > LIMITS.settings) {
      context.addIssue({ code: "custom", message: `must not have more than ${LIMITS.settings} settings` });
    }
    for (const [name, value] of Object.entries(settings)) {
      const shape = namesSecret(name) ? "named like a secret" : secretShapeOf(value);
      if (shape === undefined) continue;
      context.addIssue({
        code: "custom",
        path: [name],
        message: shape === "named like a secret" ? `is ${shape}` : `looks like ${shape}`,
        params: {
          ...secretRefused,
          hint: "Store the value in Secrets Manager and name its path or ARN in secretRefs.",
        },
      });
    }
  })
  .meta({ example: { LOG_LEVEL: "info" } });

const SECRET_ARN =
  /^arn:aws[a-z-]*:(?:secretsmanager:[a-z0-9-]+:\d{12}:secret|ssm:[a-z0-9-]+:\d{12}:parameter)[:/][\w/+=.@-]+$/;
const SECRET_PATH = /^(?:\/[A-Za-z0-9_+=.@-]+){2,}$/;

/** Name of the variable → where its value is kept. */
export const secretRefsSchema = z
  .record(settingName, z.string().max(LIMITS.secretRefChars))
  .superRefine((references, context) => {
    if (Object.keys(references).length > LIMITS.secretRefs) {
      context.addIssue({
        code: "custom",
        message: `must not have more than ${LIMITS.secretRefs} references`,
      });
    }
    for (const [name, reference] of Object.entries(references)) {
      if (isSecretReference(reference)) continue;
      context.addIssue({
        code: "custom",
        path: [name],
        message: "must be the ARN or the absolute path of a secret, never its value",
        params: {
          ...secretRefused,
          hint: "Such as /prod/tenants/acme/iam-service/smtp or a Secrets Manager ARN.",
        },
      });
    }
  })
  .meta({ example: { SMTP_PASSWORD: "/dev/tenants/acme/iam-service/smtp" } });

export function isSecretReference(reference: string): boolean {
  if (!SECRET_ARN.test(reference) && !SECRET_PATH.test(reference)) return false;
  if (reference.split("/").some((segment) => segment === ".." || segment === ".")) return false;
  return secretShapeOf(reference) === undefined;
}
