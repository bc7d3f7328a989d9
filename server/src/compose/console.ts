import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/settings.ts";
import type { ConsoleOptions } from "../console/admission.ts";
import { type Assets, readAssets } from "../console/assets.ts";
import { type ConsoleSettings, hasConsole, isSafeTransport } from "../console/availability.ts";
import { type LoginTokens, loginTokens } from "../console/loginLink.ts";
import { consoleRoutes } from "../console/routes.ts";
import { Failure } from "../errors/failure.ts";
import type { MoreRoutes } from "../http/serve.ts";
import type { Operation } from "../operation.ts";
import type { Services } from "../services.ts";
import { findLoginRootKey } from "../storage/queries/rootKeys.ts";

export type Console = {
  routes: MoreRoutes | undefined;
  /**
   * Returns a login link: an address that signs a browser in to the console once, with a root key that has all
   * permissions. Returns `undefined` if the server has no console, would refuse the login because it would be sent over
   * plain HTTP, or has no root key with all permissions.
   */
  loginLink(serverUrl: string): Promise<string | undefined>;
};

export function consoleOf(config: Config, operations: readonly Operation[], services: Services): Console {
  const settings: ConsoleSettings = {
    mode: config.CONSOLE,
    host: config.HOST,
    publicUrl: config.PUBLIC_URL,
    trustedProxies: config.TRUSTED_PROXIES,
    allowHttp: config.CONSOLE_ALLOW_HTTP === "true",
  };
  const tokens = loginTokens(services);
  const options: ConsoleOptions = { settings, tokens, assets: onceBuilt() };
  return {
    routes: consoleRoutes(operations, services, options),
    loginLink: (serverUrl) => loginLink(settings, services, tokens, config.PUBLIC_URL ?? serverUrl),
  };
}

async function loginLink(
  settings: ConsoleSettings,
  services: Services,
  tokens: LoginTokens,
  url: string,
): Promise<string | undefined> {
  if (!hasConsole(settings) || !isSafeTransport(settings, new Headers({ host: new URL(url).host }))) {
    return undefined;
  }
  if ((await findLoginRootKey(services.db, services.now())) === undefined) return undefined;
  return `${url.replace(/\/$/, "")}/console/#login=${tokens.issue()}`;
}

const here = dirname(fileURLToPath(import.meta.url));
/** the console's files in the published package and in the image: next to the bundled program */
const shipped = join(here, "console");
/** the console's source in a checkout, which is built when a browser first opens the console */
const source = join(here, "../../../console");

/**
 * Returns a function that reads the console's files on its first call. In a checkout, that call also builds the files.
 */
function onceBuilt(): () => Promise<Assets> {
  let found: Promise<Assets> | undefined;
  return () => {
    found ??= findAssets().catch((cause: unknown) => {
      found = undefined;
      throw new Failure("service_unavailable", {
        detail:
          "The console could not be built from its source. Run npm ci in the repository, then reload the page.",
        cause,
      });
    });
    return found;
  };
}

async function findAssets(): Promise<Assets> {
  if (existsSync(join(shipped, "index.html"))) return readAssets(shipped);
  await build();
  return readAssets(join(source, "dist"));
}

/** Builds the console in a separate process, because the memory that a build takes is then freed. */
function build(): Promise<void> {
  return new Promise((resolve, reject) => {
    const builder = spawn(process.execPath, [join(source, "build.ts")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let complaint = "";
    builder.stderr.on("data", (part: Buffer) => {
      complaint += part.toString();
    });
    builder.on("error", reject);
    builder.on("close", (code) => (code === 0 ? resolve() : reject(new Error(complaint.slice(-2_000)))));
  });
}
