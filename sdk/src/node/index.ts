import type { MetaTypes } from "../calls.ts";
import { type Latchkey as Client, clientClass, type LatchkeyConstructor } from "../latchkey.ts";
import { fetchTransport } from "../transport.ts";
import { nodeTransport } from "./transport.ts";

export * from "../common.ts";

export type Latchkey<M extends MetaTypes = MetaTypes> = Client<M>;
/** Creates clients that send their requests with `node:http`, which takes less CPU time than Node's `fetch`. */
export const Latchkey: LatchkeyConstructor = clientClass(({ fetch, maxSockets }) =>
  fetch === undefined ? nodeTransport(maxSockets) : fetchTransport(fetch),
);
