import { callers } from "./callers.ts";
import { records } from "./records.ts";
import { requests } from "./requests.ts";
import { server } from "./server.ts";

/** Every error that this server can return, by its name. */
export const catalogue = { ...requests, ...callers, ...records, ...server };

export type ErrorCode = keyof typeof catalogue;
