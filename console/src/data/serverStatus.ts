import type { Data } from "./api.ts";
import { useOperation } from "./queries.ts";
import { isHeld, serverPermission, useSession } from "./session.ts";

export type ServerStatus = Data<"server.getStatus">;

/** Asks for the state of the server every 5 s, if this session has the permission to read it. */
export function useServerStatus() {
  const mayRead = isHeld(useSession(), serverPermission);
  return { mayRead, ...useOperation("server.getStatus", {}, { enabled: mayRead, refetchInterval: 5_000 }) };
}
