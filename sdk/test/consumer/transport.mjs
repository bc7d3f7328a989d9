// @ts-nocheck: Node runs this file in a project that has installed the package; TypeScript never compiles it.
// argv: the URL of the stub server, the name of a task below, and an address that some tasks need.
import { Latchkey, LatchkeyError } from "@latchkey/sdk";

const [, , serverURL = "", task = "", address = ""] = process.argv;
const client = (options) => new Latchkey({ rootKey: "root_key", serverURL, allowHttp: true, ...options });

async function outcome(call) {
  try {
    return (await call).data.code;
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    return error.name;
  }
}
const verify = (latchkey = client()) => outcome(latchkey.keys.verifyKey({ key: "a_key" }));

const tasks = {
  async sequence() {
    const codes = [];
    for (let count = 0; count < 200; count += 1) codes.push(await verify());
    return codes;
  },
  /**
   * After each response, the stub closes the connection while `Atomics.wait` blocks this program. So when the next call
   * begins, Node does not know yet that the connection is closed.
   */
  async afterClosing() {
    const codes = [];
    for (let count = 0; count < 20; count += 1) {
      codes.push(await verify());
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
    return codes;
  },
  once: () => verify(),
  async crowd() {
    const latchkey = client({ maxSockets: 4, coalesce: false });
    return await Promise.all(Array.from({ length: 64 }, () => verify(latchkey)));
  },
  ownFetch: () =>
    verify(
      client({
        fetch: async () => Response.json({ meta: { requestId: "r" }, data: { valid: false, code: "OWN" } }),
      }),
    ),
  async elsewhere() {
    const call = client({ serverURL: address }).keys.verifyKey(
      { key: "a_key" },
      { retries: { strategy: "none" } },
    );
    return await call.then(
      ({ data }) => data.code,
      (error) => error.message,
    );
  },
};
console.log(JSON.stringify(await tasks[task]()));
