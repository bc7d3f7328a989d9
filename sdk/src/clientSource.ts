import type { MetaTypes } from "./calls.ts";
import type { Latchkey } from "./latchkey.ts";

/**
 * A client, or a function that returns a client for a request. Workers need the function, because they get their
 * secrets with each request.
 */
export type ClientSource<M extends MetaTypes, Parameters extends unknown[]> =
  | Latchkey<M>
  | ((...parameters: Parameters) => Latchkey<M> | Promise<Latchkey<M>>);

export function clientFor<M extends MetaTypes, Parameters extends unknown[]>(
  source: ClientSource<M, Parameters>,
  ...parameters: Parameters
): Latchkey<M> | Promise<Latchkey<M>> {
  return typeof source === "function" ? source(...parameters) : source;
}
