import { z } from "zod";
import { at, LIMITS, pageOf, pageQuery, releaseNumberSchema, uuid } from "./common.ts";
import { defineRoutes } from "./route.ts";
import { settingsSchema } from "./tenantConfig.ts";
import { SERVICE_NAMES } from "./vocabulary.ts";

/** host[:port]/path, then a tag, a digest, or both. */
const IMAGE =
  /^(?:[a-z0-9][a-z0-9.-]*(?::\d{1,5})?\/)?[a-z0-9][a-z0-9._-]*(?:\/[a-z0-9][a-z0-9._-]*)*(?=[:@])(?::\w[\w.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/;

/** A moving name such as `latest` would make one release mean two things. */
const imageSchema = z
  .string()
  .max(LIMITS.imageChars)
  .regex(IMAGE, {
    error: "must be an image with a tag or a digest, such as registry.example/iam-service@sha256:…",
  })
  .refine((image) => !image.endsWith(":latest"), { error: "must not be tagged latest, which moves" })
  .meta({ example: "public.ecr.aws/tenantry/iam-service:1.0.0" });

export const releaseServiceSchema = z.strictObject({
  image: imageSchema,
  environment: settingsSchema.default({}),
});
const servicesSchema = z.strictObject(
  Object.fromEntries(SERVICE_NAMES.map((name) => [name, releaseServiceSchema])) as Record<
    (typeof SERVICE_NAMES)[number],
    typeof releaseServiceSchema
  >,
);

export const releaseSchema = z
  .object({
    releaseId: uuid,
    number: releaseNumberSchema,
    description: z.string(),
    services: servicesSchema,
    digest: z.string().meta({ description: "SHA-256 over the services" }),
    createdBy: z.string(),
    createdAt: at,
  })
  .meta({ id: "Release" });
export type Release = z.output<typeof releaseSchema>;

export const releaseCreateSchema = z
  .strictObject({ description: z.string().trim().max(500).default(""), services: servicesSchema })
  .meta({
    id: "ReleaseCreate",
    example: {
      description: "first",
      services: Object.fromEntries(
        SERVICE_NAMES.map((name) => [
          name,
          { image: `public.ecr.aws/tenantry/${name}:1.0.0`, environment: {} },
        ]),
      ),
    },
  });
export type ReleaseCreate = z.output<typeof releaseCreateSchema>;

export const releaseRoutes = defineRoutes({
  releaseCreate: {
    method: "post",
    path: "/v1/control-plane/releases",
    tag: "Releases",
    summary: "Make the next release",
    description: "Immutable; its number is one more than the last.",
    role: "operator",
    body: releaseCreateSchema,
    status: 201,
    response: releaseSchema,
    errors: ["secret_value_refused"],
  },
  releaseList: {
    method: "get",
    path: "/v1/control-plane/releases",
    tag: "Releases",
    summary: "List releases, newest first",
    role: "auditor",
    query: z.strictObject(pageQuery),
    status: 200,
    response: pageOf(releaseSchema, "ReleasePage"),
    errors: [],
  },
  releaseGet: {
    method: "get",
    path: "/v1/control-plane/releases/:releaseNumber",
    tag: "Releases",
    summary: "Get a release",
    role: "auditor",
    params: z.strictObject({ releaseNumber: z.coerce.number().int().min(1) }),
    status: 200,
    response: releaseSchema,
    errors: ["release_not_found"],
  },
});
