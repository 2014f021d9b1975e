/** JSON kept in a text column; `T` is what it parses to. The phantom member exists for the type checker only. */
export type Json<T> = string & { readonly jsonOf?: T };

export function toJson<T>(value: T): Json<T> {
  return JSON.stringify(value) as Json<T>;
}

export function fromJson<T>(text: Json<T>): T {
  // What most of these columns hold; a page of tenants has hundreds of them.
  if (text === "{}") return {} as T;
  return JSON.parse(text) as T;
}
