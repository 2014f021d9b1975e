import { z } from "zod";
import { at, LIMITS, pageOf, pageQuery, reasonSchema, releaseNumberSchema, uuid } from "./common.ts";
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
/** A part left out is the base release's; without a base an image is needed, and settings are none. */
const servicePatchSchema = z.strictObject({
  image: imageSchema.optional(),
  environment: settingsSchema.optional(),
});
const servicesSchema = z.strictObject(
  Object.fromEntries(SERVICE_NAMES.map((name) => [name, releaseServiceSchema])) as Record<
    (typeof SERVICE_NAMES)[number],
    typeof releaseServiceSchema
  >,
);

export const RELEASE_LIMITS = {
  descriptionChars: 500,
  notesChars: 20_000,
  schemaVersion: 1_000_000,
} as const;

const schemaVersionSchema = z.int().min(0).max(RELEASE_LIMITS.schemaVersion);
const compatibleSchemasSchema = z
  .strictObject({ from: schemaVersionSchema, to: schemaVersionSchema })
  .refine(({ from, to }) => from <= to, { error: "must not be before from", path: ["to"] })
  .meta({ id: "CompatibleSchemas" });

export const releaseSchema = z
  .object({
    releaseId: uuid,
    number: releaseNumberSchema,
    description: z.string(),
    notes: z.string(),
    schemaVersion: z
      .int()
      .nullable()
      .meta({ description: "Of the tenant's database, which it brings; null when it says nothing of it" }),
    compatibleSchemas: z
      .object({ from: z.int(), to: z.int() })
      .nullable()
      .meta({ description: "The schema versions it can run with; null: any" }),
    fromNumber: z.int().nullable().meta({ description: "The release it was made from as a patch" }),
    services: servicesSchema,
    digest: z.string().meta({ description: "SHA-256 over the services" }),
    createdBy: z.string(),
    createdAt: at,
  })
  .meta({ id: "Release" });
export type Release = z.output<typeof releaseSchema>;

const patchesSchema = z.strictObject(
  Object.fromEntries(SERVICE_NAMES.map((name) => [name, servicePatchSchema.optional()])) as Record<
    (typeof SERVICE_NAMES)[number],
    z.ZodOptional<typeof servicePatchSchema>
  >,
);

export const releaseCreateSchema = z
  .strictObject({
    from: releaseNumberSchema.optional().meta({
      description:
        "Make it a patch of this release: what is not said is as there, notes and description aside",
    }),
    description: z.string().trim().max(RELEASE_LIMITS.descriptionChars).default(""),
    notes: z
      .string()
      .max(RELEASE_LIMITS.notesChars)
      .default("")
      .meta({ description: "For people; Markdown" }),
    schemaVersion: schemaVersionSchema.optional(),
    compatibleSchemas: compatibleSchemasSchema.optional(),
    services: patchesSchema.default({}),
    reason: reasonSchema.optional(),
  })
  .superRefine(({ from, services, schemaVersion, compatibleSchemas }, context) => {
    if (from === undefined) {
      for (const name of SERVICE_NAMES) {
        const service = services[name];
        if (service?.image !== undefined) continue;
        const path = ["services", name, ...(service === undefined ? [] : ["image"])];
        context.addIssue({ code: "custom", path, message: "is missing" });
      }
    }
    if (schemaVersion === undefined || compatibleSchemas === undefined) return;
    const { from: least, to: most } = compatibleSchemas;
    if (least <= schemaVersion && schemaVersion <= most) return;
    const message = `must hold the release's own schemaVersion ${schemaVersion}, which it is to run with`;
    context.addIssue({ code: "custom", path: ["compatibleSchemas"], message });
  })
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

const changedSchema = z.object({ from: z.string().nullable(), to: z.string().nullable() });
const rangeSchema = releaseSchema.shape.compatibleSchemas;

export const releaseDiffSchema = z
  .object({
    from: z.int(),
    to: z.int(),
    services: z
      .array(
        z.object({
          service: z.enum(SERVICE_NAMES),
          image: changedSchema.nullable(),
          environment: z.array(changedSchema.extend({ name: z.string() })),
        }),
      )
      .meta({ description: "Those that differ" }),
    schemaVersion: z.object({ from: z.int().nullable(), to: z.int().nullable() }).nullable(),
    compatibleSchemas: z.object({ from: rangeSchema, to: rangeSchema }).nullable(),
    compatible: z
      .boolean()
      .meta({ description: "Whether a target may go from the one to the other, schema versions permitting" }),
    incompatibleBecause: z.string().nullable(),
  })
  .meta({ id: "ReleaseDiff" });
export type ReleaseDiff = z.output<typeof releaseDiffSchema>;

const params = z.strictObject({ releaseNumber: z.coerce.number().int().min(1) });

export const releaseRoutes = defineRoutes({
  releaseCreate: {
    method: "post",
    path: "/v1/control-plane/releases",
    tag: "Releases",
    summary: "Make the next release",
    description:
      "Immutable; its number is one more than the last. An image's tag is resolved to the digest that it stands for now, or " +
      "refused, as the service is set up.",
    role: "fleet_operator",
    body: releaseCreateSchema,
    acceptsYaml: "body",
    status: 201,
    response: releaseSchema,
    errors: [
      ...["secret_value_refused", "release_not_found"],
      ...["image_not_found", "image_tag_refused", "image_registry_refused", "image_registry_unavailable"],
    ] as const,
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
    params,
    status: 200,
    response: releaseSchema,
    errors: ["release_not_found"],
  },
  releaseDiff: {
    method: "get",
    path: "/v1/control-plane/releases/:releaseNumber/diff",
    tag: "Releases",
    summary: "Say how a release differs from another, and whether a target may go from that to it",
    role: "auditor",
    params,
    query: z.strictObject({
      with: z.coerce.number().int().min(1).meta({ description: "The release to come from", example: 1 }),
    }),
    status: 200,
    response: releaseDiffSchema,
    errors: ["release_not_found"],
  },
});
