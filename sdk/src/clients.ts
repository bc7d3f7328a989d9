import type { Settings } from "./settings.ts";

const settingsOf = new WeakMap<object, () => Settings>();

/** Remembers the settings of a client, because guards need them and the client object does not expose them. */
export function registerClient(client: object, settings: () => Settings): void {
  settingsOf.set(client, settings);
}

/**
 * Whether two clients call the same server with the same root key. An application may create several such clients, for
 * example one for each request.
 */
export function areAlike(one: object, other: object): boolean {
  if (one === other) return true;
  const [mine, theirs] = [settingsOf.get(one)?.(), settingsOf.get(other)?.()];
  if (mine === undefined || theirs === undefined || mine.rootKey === "") return false;
  return (
    mine.serverURL === theirs.serverURL && mine.headers["authorization"] === theirs.headers["authorization"]
  );
}
