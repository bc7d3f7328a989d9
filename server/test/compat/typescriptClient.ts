import { readFileSync } from "node:fs";
import { type SDKOptions, Unkey } from "@unkey/api";
import { UnkeyError } from "@unkey/api/models/errors";
import packageJson from "@unkey/api/package.json";
import type {
  OfficialClient,
  OfficialOperation,
  Outcome,
  ParsedResponse,
  Refusal,
  Target,
} from "./officialClient.ts";

type Method = (input: unknown, options?: unknown) => Promise<unknown>;
type Page = { result: ParsedResponse };
type Place = { group: string; method: string; source: string };

/** Returns Unkey's TypeScript client, which runs in this process. */
export function typescriptClient(): OfficialClient {
  const places = new Map(findMethods().map((place) => [pathOf(place), place]));
  const methodOf = (operation: string, target: Target): Method => {
    const place = places.get(operation);
    if (place === undefined) throw new Error(`${packageJson.name} has no ${operation}`);
    const unkey: unknown = new Unkey({
      serverURL: target.url,
      rootKey: target.rootKey,
      ...retryOptions(target),
    });
    const group = (unkey as Record<string, Record<string, Method>>)[place.group];
    return (input) =>
      group?.[place.method]?.(input) ??
      Promise.reject(new Error(`the client has no method ${place.group}.${place.method}`));
  };
  return {
    name: `${packageJson.name} ${packageJson.version}`,
    operations: async () => new Map([...places].map(([name, place]) => [name, describe(place)])),
    async call(operation, input, target): Promise<Outcome> {
      try {
        const response = await methodOf(operation, target)(input);
        return { ok: true, response: wireResponse(response) };
      } catch (error) {
        return { ok: false, error: refusalOf(error) };
      }
    },
    async pages(operation, input, target) {
      const pages: unknown[][] = [];
      const iterator = (await methodOf(operation, target)(input)) as AsyncIterable<Page>;
      for await (const page of iterator) pages.push(page.result.data as unknown[]);
      return pages;
    },
    close: async () => undefined,
  };
}

function retryOptions({ retries = "none" }: Target): Pick<SDKOptions, "retryConfig"> {
  switch (retries) {
    case "default":
      return {};
    case "none":
      return { retryConfig: { strategy: "none" } };
    case "brief": {
      const backoff = { initialInterval: 10, maxInterval: 50, exponent: 1.5, maxElapsedTime: 300 };
      return { retryConfig: { strategy: "backoff", backoff } };
    }
  }
}

/**
 * Returns the response in the form in which the server sent it. For a page of a list, that is the `result` of the
 * object that the client returns.
 */
function wireResponse(response: unknown): ParsedResponse {
  const { result } = response as Partial<Page>;
  return JSON.parse(JSON.stringify(result ?? response));
}

function refusalOf(error: unknown): Refusal {
  if (!(error instanceof Error)) throw error;
  const { name: className, message } = error;
  if (!(error instanceof UnkeyError)) return { className, message };
  const parsed = error as Partial<NonNullable<Refusal["data"]>>;
  const { meta, error: details } = parsed;
  return {
    className,
    message,
    status: error.statusCode,
    requestId: error.headers.get("x-request-id") ?? "",
    ...(meta === undefined || details === undefined ? {} : { data: { meta, error: details } }),
  };
}

const functions = new URL("funcs/", import.meta.resolve("@unkey/api"));

/** Finds the client's groups and their methods. The package has one file for each method. */
function findMethods(): Place[] {
  const unkey: unknown = new Unkey();
  return namesOf(Unkey.prototype).flatMap((group) =>
    namesOf(Object.getPrototypeOf((unkey as Record<string, object>)[group])).map((method) => {
      const file = `${group}${method.charAt(0).toUpperCase()}${method.slice(1)}.js`;
      return { group, method, source: readFileSync(new URL(file, functions), "utf8") };
    }),
  );
}

function namesOf(prototype: object): string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
}

function pathOf({ group, method, source }: Place): string {
  const path = /pathToFunc\("\/v\d\/([^"]+)"\)/.exec(source)?.[1];
  if (path === undefined) throw new Error(`no path found in the code of ${group}.${method}`);
  return path;
}

const errorMatcher = /M\.jsonErr\((\d+), errors\.(\w+)\$inboundSchema(?:, \{\s*ctype: "([^"]+)",?\s*\})?\)/g;

function describe({ group, method, source }: Place): OfficialOperation {
  const found = [...source.matchAll(errorMatcher)];
  if (found.length !== source.split("M.jsonErr(").length - 1) {
    throw new Error(`the errors of ${group}.${method} could not be read`);
  }
  const errors = found.map(
    ([, status, className = "", contentType = "application/json"]) =>
      [Number(status), { className, contentType }] as const,
  );
  return { errors: new Map(errors), paged: source.includes("createPageIterator") };
}
