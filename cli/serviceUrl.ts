/** Where the service answers, from TENANTRY_URL; throws a sentence for what is no URL. */
export function serviceUrl(path: string): URL {
  const { TENANTRY_URL: base = "http://127.0.0.1:7070" } = process.env;
  const url = /^https?:\/\/[^/]/.test(base) ? URL.parse(path, base) : null;
  if (url === null)
    throw new Error(`TENANTRY_URL must be a URL such as http://127.0.0.1:7070, and is "${base}"`);
  return url;
}

/** The JSON of an answer. Whatever else listens at that address answers in other ways. */
export async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { origin } = new URL(response.url);
    throw new Error(
      `${origin} answers ${response.status} and not as Tenantry does; TENANTRY_URL names another`,
      {
        cause,
      },
    );
  }
}
