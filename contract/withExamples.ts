import { createExamples, type ExampleSchema, TEXT_EXAMPLES } from "./examples.ts";

interface Media {
  schema?: ExampleSchema;
  example?: unknown;
  examples?: Record<string, { $ref: string }>;
}

interface DescribedOperation {
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { content?: Record<string, Media> }>;
}

export interface DescribedDocument {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, ExampleSchema>; examples: Record<string, { value: unknown }> };
}

/** Gives every request and every success an example. One of a named schema stands once, among the components. */
export function withExamples(document: DescribedDocument): DescribedDocument {
  const { schemas, examples } = document.components;
  const nameOf = (reference: string) => reference.slice(reference.lastIndexOf("/") + 1);
  const maker = createExamples((reference) => schemas[nameOf(reference)] ?? {});
  const illustrate = (type: string, media: Media) => {
    const { schema = {} } = media;
    if (!/[/+]json$/.test(type)) {
      const text = TEXT_EXAMPLES[type];
      if (text !== undefined && schema.type === "string") media.example = text;
      return;
    }
    if (schema.$ref === undefined) {
      media.example = maker.make(schema);
      return;
    }
    const name = nameOf(schema.$ref);
    examples[name] ??= { value: maker.make(schema) };
    media.examples = { [name]: { $ref: `#/components/examples/${name}` } };
  };
  for (const operation of Object.values(document.paths).flatMap((methods) => Object.values(methods))) {
    const successes = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
    const contents = [operation.requestBody?.content, ...successes.map(([, answer]) => answer.content)];
    for (const content of contents)
      for (const [type, media] of Object.entries(content ?? {})) illustrate(type, media);
  }
  return document;
}
