import { stringify } from "yaml";
import type { Manifest, ManifestContact } from "../../contract/manifest.ts";
import { written } from "./ownId.ts";

/** YAML that reads the same in every YAML version. All but what is empty is written out, so that later defaults change nothing. */
export function writeManifest({ apiVersion, kind, metadata, spec }: Manifest): string {
  const { release, primaryDomain, contacts, externalIds, config, ...fields } = spec;
  const text = {
    apiVersion,
    kind,
    metadata: { slug: metadata.slug, ...unlessEmpty("labels", metadata.labels) },
    spec: {
      ...fields,
      ...(release === null ? {} : { release }),
      ...(primaryDomain === null ? {} : { primaryDomain }),
      ...(contacts === undefined ? {} : { contacts: contacts.map(withoutGaps) }),
      ...(externalIds === undefined ? {} : { externalIds }),
      ...unlessEmpty("config", {
        ...unlessEmpty("settings", config.settings),
        ...unlessEmpty("secretRefs", written(config.secretRefs)),
      }),
    },
  };
  return stringify(text, { lineWidth: 0, aliasDuplicateObjects: false });
}

function withoutGaps({ phone, ...contact }: ManifestContact): object {
  return phone === null ? contact : { ...contact, phone };
}

function unlessEmpty(name: string, value: object): Record<string, object> {
  return Object.keys(value).length === 0 ? {} : { [name]: value };
}
