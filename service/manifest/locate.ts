import { isMap, isScalar, isSeq } from "yaml";
import { nameOf, type Place, placeOf, startOf, type YamlDocument } from "./readYaml.ts";

/** The place of the value, or of its key; where there is none, of the last thing on the way to it. */
export function locate(document: YamlDocument, path: readonly string[], ofKey = false): Place {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const [index, name] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && nameOf(key) === name.slice(0, 80));
      if (pair === undefined) break;
      const last = index === path.length - 1;
      offset = last && !ofKey && pair.value !== null ? startOf(pair.value) : startOf(pair.key);
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(name)];
      offset = startOf(node);
    } else break;
  }
  return placeOf(document.lines, offset);
}
