import { createContext, use } from "react";
import { send } from "./api.ts";

export type Session = {
  rootKeyId: string;
  workspace: { id: string; name: string };
  permissions: readonly string[];
  /** if nothing is called before this time */
  expiresAt: number;
};

/** The session of this browser. Errors: `ApiError` if it has no session. */
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
  if (session === undefined) throw new Error("no session");
  return session;
}

/** The one permission that `*` does not include. */
export const serverPermission = "server.*.read_status";

/**
 * Whether the session may do what needs this permission, written as the documentation writes it: `api.*.create_api` needs
 * a grant for all, `api.<id>.update_key` a grant for any, and an id in its place a grant for that one.
 */
export function isHeld({ permissions }: Session, needed: string): boolean {
  if (needed === serverPermission) return permissions.includes(needed);
  const [resource = "", scope = "", action = ""] = needed.split(".");
  if (["*", `${resource}.*.${action}`].some((one) => permissions.includes(one))) return true;
  if (scope !== "<id>") return permissions.includes(needed);
  return permissions.some((one) => one.startsWith(`${resource}.`) && one.endsWith(`.${action}`));
}
