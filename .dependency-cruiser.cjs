/**
 * Who may import whom. The folders are layers; an import in another direction fails the gate.
 * The picture and its reasons are in docs/architecture.md.
 */
const FOLDERS =
  "contract components stacks registry service emulator launcher toolchain cli console router client bench chaos demo script".split(
    " ",
  );
const importsOf = (from, allowed, also) => ({
  to: {
    path: `^(${[...FOLDERS, ...also].join("|")})/`,
    pathNot: [`^${from}/`, ...allowed.map((name) => `^${name.includes("/") ? name : `${name}/`}`)],
  },
  severity: "error",
  comment: `${from}/ may import only ${[...allowed, "packages"].join(", ")}`,
});
/** A test beside the code may use what tests share, and try what examples show. */
const only = (from, allowed) => [
  {
    name: `${from}-imports`,
    from: { path: `^${from}/`, pathNot: "\\.test\\.ts$" },
    ...importsOf(from, allowed, ["test", "examples"]),
  },
  {
    name: `${from}-tests-import`,
    from: { path: `^${from}/.*\\.test\\.ts$` },
    ...importsOf(from, allowed, []),
  },
];
const packageOnlyIn = (name, pattern, folders) => ({
  name,
  severity: "error",
  comment: `only ${folders.join(", ")} may import ${pattern}`,
  from: {
    path: "^(contract|components|stacks|registry|service|emulator|launcher|toolchain|cli|console|router)/",
    pathNot: [...folders.map((f) => `^${f}`), "\\.test\\.ts$"],
  },
  to: { path: `node_modules/${pattern}` },
});

module.exports = {
  forbidden: [
    ...only("contract", []),
    ...only("components", []),
    ...only("stacks", ["components"]),
    ...only("registry", ["contract"]),
    ...only("service", ["contract", "registry", "stacks", "launcher"]),
    ...only("emulator", []),
    ...only("launcher", ["toolchain"]),
    ...only("toolchain", []),
    ...only("router", ["contract"]),
    ...only("client", ["contract/queueEnvelope\\.ts$"]),
    ...only("cli", [
      "client/src",
      "contract",
      "registry/(audit(Chain|Checkpoint|Kept|Lines)|canonicalJson|evidenceVerify|merkle|signature)\\.ts$",
    ]),
    packageOnlyIn("express-in-http", "express/", ["service/http/"]),
    packageOnlyIn("automation-in-engine", "@pulumi/pulumi/automation", [
      "service/engine/",
      "launcher/",
      "toolchain/",
    ]),
    packageOnlyIn("pulumi-in-programs", "@pulumi/(aws|awsx)/", ["components/", "stacks/"]),
    packageOnlyIn("aws-sdk-in-cloud", "@aws-sdk/", [
      "service/cloud/",
      "service/images/ecrImages",
      "service/engine/stateLocks",
      "router/s3Source",
    ]),
    packageOnlyIn("pg-in-databases", "pg(-copy-streams)?/", [
      "registry/",
      "service/database/",
      "service/engine/stateLocks",
      "service/limits/counters",
    ]),
    packageOnlyIn("cedar-in-policy", "@cedar-policy/", ["service/policy/"]),
    packageOnlyIn("rate-limiter-in-limits", "rate-limiter-flexible/", ["service/limits/"]),
    packageOnlyIn("cedar-in-policy", "@cedar-policy/", ["service/policy/cedar"]),
    packageOnlyIn("pg-boss-in-dispatch", "pg-boss/", ["service/dispatch/"]),
    packageOnlyIn("sqlite-in-storage", "better-sqlite3/", ["registry/", "emulator/", "service/processLock"]),
    packageOnlyIn("opentelemetry-in-tracing", "@opentelemetry/", ["service/tracing/openTelemetry"]),
    packageOnlyIn("prom-client-in-metrics", "prom-client/", [
      "service/(metrics|tenantSeries)",
      "router/metrics",
    ]),
    {
      name: "no-circular",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-unresolvable",
      comment: "sarif is a package of types alone (@types/sarif)",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^sarif$" },
    },
    {
      name: "no-dev-dependency-in-product",
      severity: "error",
      from: {
        path: "^(contract|components|stacks|registry|service|emulator|launcher|router|cli)/",
        pathNot: "\\.test\\.ts$",
      },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(\\.tenantry|^client/dist)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default"],
      extensions: [".ts", ".js", ".cjs", ".mjs", ".json"],
    },
  },
};
