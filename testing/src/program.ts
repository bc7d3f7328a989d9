/**
 * The server program for tests. It reads orders from stdin, one JSON object per line, and exits when stdin ends. Only
 * the process that started it writes to its stdin, so nobody else can move its clock or make requests fail.
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
