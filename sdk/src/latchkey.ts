import { withResponse } from "./call.ts";
import type { CallOptions, MetaTypes } from "./calls.ts";
import { registerClient } from "./clients.ts";
import { coalescing } from "./coalescing.ts";
import { LatchkeyError } from "./errors.ts";
import type { Groups } from "./operations.gen.ts";
import { pageCall } from "./pages.ts";
import { serverOf } from "./perServer.ts";
import { checkRuntime } from "./runtimeChecks.ts";
import { send } from "./send.ts";
import {
  forCall,
  type LatchkeyOptions,
  readOptions,
  type Settings,
  type TransportFactory,
} from "./settings.ts";
import { operations } from "./table.gen.ts";
import { verifyMany } from "./verifyMany.ts";

/** A client: `latchkey.<group>.<operation>(input, options)` for every operation of the API. */
export type Latchkey<M extends MetaTypes = MetaTypes> = Groups<M> & { readonly [appTypes]?: M };

/** A member that exists only in the type. Guards infer the application's types (`M`) from it. */
declare const appTypes: unique symbol;

/**
 * Creates a client. `M` gives the types of your `meta` and the names of your permissions, limits and quotas.
 * Errors: `LatchkeyError` for an invalid option. If the root key is missing, the first call fails.
 */
export type LatchkeyConstructor = new <M extends MetaTypes = MetaTypes>(
  options?: LatchkeyOptions,
) => Latchkey<M>;

/** Returns a class of clients that send their requests through the transport that `createTransport` creates. */
export function clientClass(createTransport: TransportFactory): LatchkeyConstructor {
  return class {
    constructor(options: LatchkeyOptions = {}) {
      checkRuntime(options.allowBrowser === true);
      let known = readOptions(options, createTransport);
      const settings = () => {
        // The root key is read again at the first call, because a build or a Worker loads the program before the
        // environment is set.
        if (known.rootKey === "") known = withRootKey(readOptions(options, createTransport));
        return known;
      };
      registerClient(this, () => known);
      Object.defineProperty(this, serverOf, { value: known.serverURL });
      for (const [group, rows] of Object.entries(operations)) {
        const calls = Object.entries(rows).map(([verb, row]) => {
          const name = `${group}.${verb}`;
          const alone = (input: unknown, options?: CallOptions) => send(settings, name, row, input, options);
          const call = name === "keys.verifyKey" && known.coalesce ? coalesced(settings, alone) : alone;
          const one = (input: unknown, options?: CallOptions) => withResponse(call(input, options));
          const list = (input: object | undefined, options?: CallOptions) =>
            pageCall(input, (next) => call(next, options));
          return [verb, row[0].includes("p") ? list : one];
        });
        Object.assign(this, { [group]: Object.fromEntries(calls) });
      }
    }
  } as never;
}

/** Returns `keys.verifyKey` for the option `coalesce`: the function may send several calls as one `keys.verifyKeys`. */
function coalesced(settings: () => Settings, one: ReturnType<typeof coalescing>) {
  const { verifyKey, verifyKeys } = operations["keys"] ?? {};
  if (verifyKey?.[1] === undefined || verifyKeys === undefined) return one;
  const [, shape] = verifyKey;
  const batch = (inputs: readonly unknown[], options: CallOptions) =>
    send(settings, "keys.verifyKeys", verifyKeys, inputs, options);
  return coalescing({
    one,
    many: (inputs, options) => verifyMany(batch, shape, inputs, options),
    timeoutMs: (options) => forCall(settings(), options).timeoutMs,
  });
}

function withRootKey(settings: Settings): Settings {
  if (settings.rootKey !== "") return settings;
  throw new LatchkeyError("The root key is missing. Pass `rootKey` or set LATCHKEY_ROOT_KEY.");
}
