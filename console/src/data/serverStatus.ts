import type { Data } from "./api.ts";
import { useOperation } from "./queries.ts";
import { isHeld, serverPermission, useSession } from "./session.ts";

export type ServerStatus = Data<"server.getStatus">;

/** The state of the server, asked again every 5 s. Nothing is asked if this session may not read it. */
export function useServerStatus() {
  const mayRead = isHeld(useSession(), serverPermission);
  return { mayRead, ...useOperation("server.getStatus", {}, { enabled: mayRead, refetchInterval: 5_000 }) };
}
