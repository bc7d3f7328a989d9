/**
 * The property in which a client stores its server's URL. All copies of this package that an application loads use the
 * same property.
 */
export const serverOf = Symbol.for("@latchkey/sdk server");

/**
 * Returns a function that takes a client, and returns an object that all clients of the same server share, such as a
 * circuit breaker.
 */
export function perServer<T>(create: () => T): (client: object) => T {
  const byServer = new Map<string, T>();
  const byClient = new WeakMap<object, T>();
  return (client) => {
    const url = (client as { [serverOf]?: string })[serverOf];
    const known = url === undefined ? byClient.get(client) : byServer.get(url);
    if (known !== undefined) return known;
    const created = create();
    if (url === undefined) byClient.set(client, created);
    else byServer.set(url, created);
    return created;
  };
}
