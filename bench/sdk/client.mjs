// Measures one client in its own process. Prints the time of its import, its calls per second, and the processor time
// per call. argv: the client's module, the class that it exports, the server's URL, calls in flight, total calls.
const [, , module = "", name = "", serverURL = "", inFlight = "1", total = "0"] = process.argv;

const before = performance.now();
const exported = await import(module);
const importMs = performance.now() - before;

const client = new exported[name]({ rootKey: "root_key_0123456789", serverURL });
const call = () => client.identities.getIdentity({ identity: "user_123" });

/** @param {number} calls */
async function go(calls) {
  let left = calls;
  const worker = async () => {
    for (; left > 0; left -= 1) await call();
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, worker));
}

await go(Number(total) / 2); // warms up: after these calls the code is compiled
const started = performance.now();
const spent = process.cpuUsage();
await go(Number(total));
const { user, system } = process.cpuUsage(spent);
const callsPerSecond = (Number(total) / (performance.now() - started)) * 1000;
console.log(JSON.stringify({ importMs, callsPerSecond, cpuMicroseconds: (user + system) / Number(total) }));
