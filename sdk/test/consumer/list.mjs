// @ts-nocheck: a test bundles this file for a browser; TypeScript never compiles it.
import { Latchkey } from "@latchkey/sdk";

const latchkey = new Latchkey({ rootKey: "root_key", serverURL: globalThis.serverURL });
for await (const identity of latchkey.identities.listIdentities()) console.log(identity.externalId);
