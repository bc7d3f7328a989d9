import { z } from "zod";
import { httpAddress, whole } from "./forms.ts";

/** How clients reach the server, whom it trusts, and what it logs. */
export const serving = {
  PORT: whole(0, 65_535).default(7070).describe("Port to listen on. 0: any free port."),
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on."),
  PUBLIC_URL: httpAddress
    .optional()
    .describe(
      "The address at which clients reach this server. It is part of error types and of openapi.json. Default: http://HOST:PORT.",
    ),
  LATCHKEY_URL: httpAddress
    .optional()
    .describe(
      "The address of the server that the command line calls. Default: this machine, at HOST and PORT.",
    ),
  TRUSTED_PROXIES: z
    .string()
    .default("")
    .describe(
      "Addresses or CIDR ranges of proxies, separated by commas. The server trusts their X-Forwarded-For and Forwarded headers.",
    ),
  IDLE_CONNECTION_SECONDS: whole(4, 255)
    .default(75)
    .describe(
      "How long a connection may be idle between two requests, in seconds, accurate to 4 seconds. Keep it above the idle time of your clients and load balancers.",
    ),
  CONSOLE: z
    .enum(["auto", "on", "off"])
    .default("auto")
    .describe(
      "Whether /console is served. auto: only to this machine, while HOST is loopback and neither PUBLIC_URL nor TRUSTED_PROXIES is set.",
    ),
  CONSOLE_ALLOW_HTTP: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: people may sign in to the console over plain HTTP from other machines."),
  METRICS_ADDRESS: z
    .string()
    .refine(isHostAndPort, "must be <host>:<port>")
    .optional()
    .describe("Where Prometheus metrics are served, as <host>:<port>; unset: not served."),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("The lowest level that is logged."),
  LOG_FORMAT: z.enum(["json", "text"]).optional().describe("Default: text on a terminal, else json."),
};

function isHostAndPort(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) <= 65_535;
}
