/**
 * The server for tests: follows the orders that come over its input, one JSON object a line, and ends when its input ends.
 * The program that starts it is the only one that can reach its clock and its faults.
 */
import { createInterface } from "node:readline";
import type { Order, Reply } from "./orders.ts";
import { startTestServer } from "./testServer.ts";

const lines = createInterface({ input: process.stdin });
const server = await startTestServer();
const reply = (line: Reply) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function follow(line: string): Promise<void> {
  const { id, order } = JSON.parse(line) as { id: number; order: Order };
  try {
    reply({ id, value: await server.follow(order) });
  } catch (error) {
    reply({ id, error: (error as Error).message });
  }
}

lines.on("line", (line) => void follow(line));
lines.on("close", () => process.exit(0));
reply({ id: 0, value: { url: server.url, rootKey: server.rootKey } });
