import type { MetaTypes } from "./calls.ts";
import { type Latchkey as Client, clientClass, type LatchkeyConstructor } from "./latchkey.ts";
import { fetchTransport } from "./transport.ts";

export * from "./common.ts";

export type Latchkey<M extends MetaTypes = MetaTypes> = Client<M>;
/** Creates clients that send their requests with the runtime's `fetch`. */
export const Latchkey: LatchkeyConstructor = clientClass(({ fetch: own }) =>
  fetchTransport(own ?? ((url, init) => fetch(url, init))),
);
