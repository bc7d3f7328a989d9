import { createContext, use } from "react";
import { send } from "./api.ts";

export type Session = {
  rootKeyId: string;
  workspace: { id: string; name: string };
  permissions: readonly string[];
  /** when the session ends if no further call is made; Unix time in milliseconds */
  expiresAt: number;
};

/** Returns the session of this browser. Errors: `ApiError` if the browser has no session. */
export async function findSession(): Promise<Session> {
  return (await send("POST", "session", undefined)).data as Session;
}

export async function signIn(by: { rootKey: string } | { loginToken: string }): Promise<Session> {
  return (await send("POST", "session", by)).data as Session;
}

export async function signOut(): Promise<void> {
  await send("DELETE", "session", undefined);
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = use(SessionContext);
  if (session === undefined) throw new Error("useSession() was called outside of a SessionContext.");
  return session;
}

/** The permission to read the state of the server. It is the only permission that `*` does not include. */
export const serverPermission = "server.*.read_status";

/**
 * Returns whether the session has the permission that an action needs. The middle part of `needed` says for which
 * apis: `*`, as in `api.*.create_api`, for all of them; the text `<id>`, as in `api.<id>.update_key`, for at least one;
 * the id of an api, for that api.
 */
export function isHeld({ permissions }: Session, needed: string): boolean {
  if (needed === serverPermission) return permissions.includes(needed);
  const [resource = "", scope = "", action = ""] = needed.split(".");
  if (["*", `${resource}.*.${action}`].some((one) => permissions.includes(one))) return true;
  if (scope !== "<id>") return permissions.includes(needed);
  return permissions.some((one) => one.startsWith(`${resource}.`) && one.endsWith(`.${action}`));
}
