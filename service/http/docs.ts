import { createRequire } from "node:module";
import path from "node:path";
import express, { type Router } from "express";

/** The interactive API page. Everything it loads comes from this service; it works without a network. */

const page = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Tenantry API</title>
  <link rel="stylesheet" href="/docs/swagger-ui.css">
  <link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
  <main id="api"></main>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
`;

const startScript = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  docExpansion: "none",
  tagsSorter: "alpha",
  validatorUrl: null,
});
`;

/** Swagger UI sets style attributes and draws icons from data URLs; scripts come from files alone. */
const contentPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export function docsRouter(openApi: unknown): Router {
  const assets = path.dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  const router = express.Router();
  router.get("/openapi.json", (_request, response) => void response.json(openApi));
  router.use("/docs", (_request, response, next) => {
    response.set("Content-Security-Policy", contentPolicy);
    next();
  });
  router.get("/docs", (_request, response) => void response.type("html").send(page));
  router.get("/docs/start.js", (_request, response) => void response.type("js").send(startScript));
  for (const file of ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"]) {
    router.get(`/docs/${file}`, (_request, response) =>
      response.sendFile(file, { root: assets, maxAge: "1h", dotfiles: "allow" }),
    );
  }
  return router;
}
