import * as pulumi from "@pulumi/pulumi";
import { TAG } from "../../components/tags.ts";

/**
 * Tags every object with the resource of the stack that it was made for. When a run is killed between an object's creation and
 * its record, this is how the object is found again where AWS has drawn its id (service/engine/physicalIds.ts).
 * Generations of a target have the same resources, so the stack is part of it.
 */
export function resourceTag(stack: string): pulumi.ResourceTransformation {
  return ({ type, name, props, opts }) => {
    if (!type.startsWith("aws:") || props.tags === undefined) return undefined;
    const own = { [TAG.resource]: resourceTagValue(stack, type, name) };
    return { props: { ...props, tags: withTag(props.tags, own) }, opts };
  };
}

export function resourceTagValue(stack: string, type: string, name: string): string {
  return `${stack}/${type}/${name}`;
}

function withTag(tags: unknown, own: Readonly<Record<string, string>>): unknown {
  if (pulumi.Output.isInstance(tags)) return tags.apply((given) => ({ ...(given as object), ...own }));
  return { ...(tags as object), ...own };
}
