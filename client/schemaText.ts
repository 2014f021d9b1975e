import openapiTypescript, { astToString, type OpenAPI3 } from "openapi-typescript";

const HEAD = "/** Made from contract/openapi.json by `npm run contract`; edits are lost. */\n\n";

export async function schemaText(document: unknown): Promise<string> {
  const tree = await openapiTypescript(document as OpenAPI3, { silent: true });
  return HEAD + astToString(tree);
}
