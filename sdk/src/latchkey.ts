import type { CallOptions, MetaTypes } from "./answers.ts";
import type { Groups } from "./operations.gen.ts";
import { pageCall } from "./pages.ts";
import { send } from "./send.ts";
import { type LatchkeyOptions, readOptions } from "./settings.ts";
import { operations } from "./table.gen.ts";

/** A client: `latchkey.<group>.<operation>(input, options)` for every operation of the API. */
export type Latchkey<M extends MetaTypes = MetaTypes> = Groups<M>;

/**
 * Makes a client; `M` says how your own `meta` looks, where it has a form.
 * Errors: `LatchkeyError` for an option that cannot be, or for no root key.
 */
export const Latchkey: new <M extends MetaTypes = MetaTypes>(options?: LatchkeyOptions) => Latchkey<M> =
  class {
    constructor(options: LatchkeyOptions = {}) {
      const settings = readOptions(options);
      for (const [group, rows] of Object.entries(operations)) {
        const calls = Object.entries(rows).map(([verb, row]) => {
          const name = `${group}.${verb}`;
          const call = (input: unknown, options?: CallOptions) => send(settings, name, row, input, options);
          const list = (input: object | undefined, options?: CallOptions) =>
            pageCall(input, (next) => call(next, options));
          return [verb, row[0].includes("p") ? list : call];
        });
        Object.assign(this, { [group]: Object.fromEntries(calls) });
      }
    }
  } as never;
