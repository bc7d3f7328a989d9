import { describe, expect, test } from "bun:test";
import { Latchkey, type Retries } from "../src/index.ts";
import { frames } from "./frames.ts";
import { bearer, guarding } from "./guarding.ts";
import { type Reaction, refusal, startStub, success } from "./stub.ts";

const noRetries: Retries = { strategy: "none" };

describe.each(frames)("guarding $name", (frame) => {
  const { guarded, refused } = guarding(frame);

  const away: { name: string; reaction: Reaction }[] = [
    { name: "breaks the connection", reaction: "close" },
    { name: "is silent", reaction: "silence" },
    { name: "returns 500", reaction: refusal(500, "unkey/application/unexpected_error") },
    {
      name: "is overloaded",
      reaction: refusal(429, "user/too_many_requests/server_overloaded", { headers: { "retry-after": "1" } }),
    },
    { name: "is behind a proxy that returns 502", reaction: { status: 502, body: "<h1>Bad Gateway</h1>" } },
    {
      name: "sends half a response",
      reaction: { body: '{"meta":{"requestId":"req_1"},"data":{"valid":true,', cutAt: 45 },
    },
  ];

  test.each(away)(
    "returns 503 if the server $name, or with `onUnavailable: allow` lets the request through, and logs which it does",
    async ({ reaction }) => {
      for (const onUnavailable of ["refuse", "allow"] as const) {
        const stub = await startStub(() => reaction);
        // Guards share a circuit breaker per URL, and the operating system may reuse a port, so the path makes the
        // URL unique.
        const serverURL = `${stub.url}/${crypto.randomUUID()}`;
        const client = new Latchkey({ rootKey: "root_key", serverURL, retries: noRetries });
        const logged: string[] = [];
        const options = {
          timeoutMs: reaction === "silence" ? 50 : 5000,
          log: (message: string) => void logged.push(message),
        };
        const guardedApp = await guarded(client, { ...options, onUnavailable });
        const request = fetch(guardedApp.url, bearer("secret_canary"));
        if (onUnavailable === "refuse") {
          const { headers } = await refused(request, guardedApp, 503, "UNAVAILABLE");
          expect(headers.get("retry-after")).toBe("1");
        } else {
          expect(await (await request).json()).toEqual({ key: null });
        }
        expect(logged).toHaveLength(1);
        expect(logged[0]).toContain(onUnavailable === "refuse" ? "refused" : "let through");
        expect(logged[0]).not.toContain("secret_canary");
        await stub.stop();
      }
    },
  );

  const wrong: { name: string; reaction: Reaction; status: number; code: string }[] = [
    {
      name: "its root key is unknown",
      reaction: refusal(401, "unkey/authentication/key_not_found"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its root key has no permission to verify",
      reaction: refusal(403, "unkey/authorization/insufficient_permissions"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its permission query is invalid",
      reaction: refusal(400, "user/bad_request/permissions_query_syntax_error", {
        errors: [{ location: "body.permissions", message: "x" }],
      }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the key has no limit of the name that it gives",
      reaction: refusal(412, "unkey/application/precondition_failed"),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "its URL is that of another server",
      reaction: { body: "<h1>Welcome</h1>" },
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "`valid` is a string",
      reaction: success({ valid: "true", code: "VALID", keyId: "key_1", enabled: true }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the verdict is a number",
      reaction: success({ valid: 1, code: "VALID" }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the verdict is missing",
      reaction: success({ code: "VALID" }),
      status: 500,
      code: "MISCONFIGURED",
    },
    {
      name: "the verdict has a code that this client does not know",
      reaction: success({ valid: false, code: "NEWLY_INVENTED" }),
      status: 403,
      code: "NEWLY_INVENTED",
    },
  ];

  test.each(wrong)(
    "never lets a request through if $name, not even with `onUnavailable: allow`",
    async ({ reaction, status, code }) => {
      const stub = await startStub(() => reaction);
      const client = new Latchkey({ rootKey: "root_key", serverURL: stub.url, retries: noRetries });
      const open = await guarded(client, { onUnavailable: "allow", log: () => {} });
      await refused(fetch(open.url, bearer("a_key")), open, status, code);
      await stub.stop();
    },
  );
});
