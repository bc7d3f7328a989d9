/** The property under which a client stores its server's URL. Another copy of this package finds it too. */
export const serverOf = Symbol.for("@latchkey/sdk server");

/** Returns a function that finds what the clients of one server share, also if a client is created for each request. */
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
