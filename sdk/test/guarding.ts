import { afterAll, beforeAll, expect } from "bun:test";
import { testServer } from "../../server/test/setUp.ts";
import { Latchkey } from "../src/index.ts";
import type { App, Frame, Options } from "./serving.ts";

type NewKey = Omit<Parameters<Latchkey["keys"]["createKey"]>[0], "apiId">;

/** Starts a server with one api and one identity, for the tests of the file that calls this. */
export function testApi() {
  const server = testServer();
  let latchkey: Latchkey;
  let apiId = "";
  beforeAll(async () => {
    server.clock.nowMs = Date.now(); // windows end by this clock, and the guard computes Retry-After by the real clock
    latchkey = new Latchkey({ rootKey: server.rootKey, serverURL: server.url });
    apiId = (await latchkey.apis.createApi({ name: "guarded" })).data.apiId;
    await latchkey.identities.createIdentity({ externalId: "user_123", meta: { plan: "pro" } });
  });
  return {
    server,
    client: () => latchkey,
    /** Creates a key of the identity. */
    async makeKey(more: NewKey = {}): Promise<{ key: string; keyId: string }> {
      return (await latchkey.keys.createKey({ apiId, externalId: "user_123", ...more })).data;
    },
  };
}

export const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

/** Returns what the tests of one framework need. The applications stop after the `describe` block that calls this. */
export function guarding({ serve, ownBodies }: Frame) {
  const apps: App[] = [];
  afterAll(async () => {
    await Promise.all(apps.map(({ stop }) => stop()));
  });
  return {
    /** Starts an application whose route is guarded. */
    async guarded(client: Latchkey, options: Options = {}): Promise<App> {
      const made = await serve(client, options);
      apps.push(made);
      return made;
    },
    /**
     * Asserts that the guard refused the request with this status and code, and that the request did not reach the
     * handler.
     */
    async refused(request: Promise<Response>, of: App, status: number, code: string): Promise<Response> {
      const before = of.reached();
      const response = await request;
      expect({
        status: response.status,
        code: ((await response.clone().json()) as { code: string }).code,
      }).toEqual({ status, code });
      expect(response.headers.get("content-type")).toStartWith(
        ownBodies ? "application/json" : "application/problem+json",
      );
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.clone().json()).toMatchObject({
        type: "about:blank",
        status,
        detail: expect.any(String),
        title: expect.any(String),
      });
      expect(of.reached()).toBe(before);
      return response;
    },
  };
}
