import { randomBytes } from "node:crypto";
import { given } from "../aws/objects.ts";
import type { ResourceRecord, Store } from "../store/store.ts";
import { objects, text } from "../values.ts";

/** What RDS keeps in the master user's secret: JSON with `username` and `password`, made when it is first needed. */
export function masterPassword(store: Store, cluster: ResourceRecord, secretArn: string): string {
  return store.transaction(() => {
    const known = store.contents.secretValue(secretArn);
    if (known !== undefined) return known.value;
    const username = given(cluster.properties, "masterUsername");
    const value = JSON.stringify({ username, password: randomBytes(24).toString("base64url") });
    store.contents.setSecretValue(secretArn, cluster.arn ?? cluster.id, value);
    return value;
  });
}

/** The master user's password, whether RDS manages it or the program gave it. */
export function masterLogin(store: Store, cluster: ResourceRecord): { username: string; password: string } {
  const username = given(cluster.properties, "masterUsername");
  const [managed] = objects(cluster.properties, "masterUserSecrets");
  const secretArn = managed === undefined ? undefined : text(managed, "secretArn");
  if (secretArn !== undefined) return JSON.parse(masterPassword(store, cluster, secretArn));
  const password = text(cluster.properties, "masterPassword");
  if (password !== undefined) return { username, password };
  throw new Error(`Cannot start ${cluster.id}: it has no master password that the local cloud knows`);
}
