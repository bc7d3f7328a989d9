import { afterEach, describe, expect, test } from "bun:test";
import { Latchkey, LatchkeyError } from "../src/index.ts";
import { caught, thrown } from "./caught.ts";
import { startStub, success } from "./stub.ts";

const names = ["LATCHKEY_ROOT_KEY", "LATCHKEY_URL", "LATCHKEY_ALLOW_HTTP"] as const;
const before = names.map((name) => process.env[name]);

afterEach(() => {
  for (const [index, name] of names.entries()) {
    const value = before[index];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

describe("a client", () => {
  test("without a root key can be created, and its first call fails naming the option and the variable", async () => {
    delete process.env["LATCHKEY_ROOT_KEY"];
    for (const latchkey of [new Latchkey(), new Latchkey({ rootKey: "  \n" })]) {
      const { name, message } = await caught(LatchkeyError, latchkey.apis.getApi({ apiId: "api_1234" }));
      expect(name).toBe("LatchkeyError");
      expect(message).toContain("`rootKey`");
      expect(message).toContain("LATCHKEY_ROOT_KEY");
    }
  });

  test("that is created before LATCHKEY_ROOT_KEY is set reads it at its first call", async () => {
    const stub = await startStub(() => success({ id: "api_1", name: "payments" }));
    delete process.env["LATCHKEY_ROOT_KEY"];
    const latchkey = new Latchkey();
    process.env["LATCHKEY_ROOT_KEY"] = "a_late_root_key";
    process.env["LATCHKEY_URL"] = stub.url;
    await latchkey.apis.getApi({ apiId: "api_1234" });
    expect(stub.seen[0]?.headers["authorization"]).toBe("Bearer a_late_root_key");
    await stub.stop();
  });

  test("reads its root key and URL from the environment, but prefers the options", async () => {
    const stub = await startStub(() => success({ id: "api_1", name: "payments" }));
    process.env["LATCHKEY_ROOT_KEY"] = "from_the_environment\n";
    process.env["LATCHKEY_URL"] = stub.url;
    await new Latchkey().apis.getApi({ apiId: "api_1234" });
    await new Latchkey({ rootKey: "from_the_option" }).apis.getApi({ apiId: "api_1234" });
    expect(stub.seen.map(({ headers }) => headers["authorization"])).toEqual([
      "Bearer from_the_environment",
      "Bearer from_the_option",
    ]);
    await stub.stop();
  });

  test.each([
    "latchkey.example",
    "ftp://latchkey.example",
    "https://",
    "https://someone:secret_word@latchkey.example",
    "https://latchkey.example?workspace=1",
    "https://latchkey.example#1",
  ])(
    "does not accept %p as the server's URL, and names the option and the variable without quoting it",
    (serverURL) => {
      const { message } = thrown(() => new Latchkey({ rootKey: "root_key", serverURL }));
      expect(message).toContain("`serverURL`");
      expect(message).toContain("LATCHKEY_URL");
      expect(message).not.toContain("secret_word");
    },
  );

  test.each([
    "http://latchkey.example",
    "http://10.0.0.1:7070",
    "http://127.0.0.1.example",
    "http://localhost.example",
  ])("cannot be created for %p over plain http without `allowHttp`", (serverURL) => {
    const { message } = thrown(() => new Latchkey({ rootKey: "root_key", serverURL }));
    expect(message).toContain("`allowHttp: true`");
    expect(message).toContain("LATCHKEY_ALLOW_HTTP=true");
    expect(() => new Latchkey({ rootKey: "root_key", serverURL, allowHttp: true })).not.toThrow();
    process.env["LATCHKEY_ALLOW_HTTP"] = "true";
    expect(() => new Latchkey({ rootKey: "root_key", serverURL })).not.toThrow();
  });

  test.each([
    "http://127.0.0.1:7070",
    "http://127.9.9.9",
    "http://localhost:1",
    "http://a.localhost",
    "http://[::1]:7070",
    "https://latchkey.example/behind/a/path/",
  ])("accepts %p unchanged", (serverURL) => {
    expect(() => new Latchkey({ rootKey: "root_key", serverURL })).not.toThrow();
  });

  test("does not let a call set a `serverURL` that the client could not have", async () => {
    const latchkey = new Latchkey({ rootKey: "root_key" });
    const call = latchkey.apis.getApi({ apiId: "api_1234" }, { serverURL: "http://latchkey.example" });
    expect((await caught(LatchkeyError, call)).message).toContain("allowHttp");
  });

  test("keeps the path of its server's URL, with or without a slash at its end", async () => {
    const stub = await startStub(() => success({ id: "api_1", name: "payments" }));
    for (const serverURL of [stub.url, `${stub.url}/`, `${stub.url}/keys`, `${stub.url}/keys//`]) {
      await new Latchkey({ rootKey: "root_key", serverURL }).apis.getApi({ apiId: "api_1234" });
    }
    expect(stub.seen.map(({ path }) => path)).toEqual([
      "/v2/apis.getApi",
      "/v2/apis.getApi",
      "/keys/v2/apis.getApi",
      "/keys/v2/apis.getApi",
    ]);
    await stub.stop();
  });

  test.each([
    { retries: { strategy: "often" } },
    { retries: { strategy: "backoff", backoff: { initialInterval: -1 } } },
    { retries: { strategy: "backoff", backoff: { exponent: Number.NaN } } },
    { timeoutMs: 0 },
    { timeoutMs: -5 },
    { timeoutMs: Number.NaN },
    { headers: { "a header": "x" } },
    { rootKey: "root key" },
    { rootKey: "wurzelschlüssel" },
  ])("refuses %p, naming the option", (options) => {
    const { message } = thrown(() => new Latchkey({ rootKey: "root_key", ...(options as object) }));
    expect(message).toContain(`\`${Object.keys(options)[0]}\``);
  });

  test("sends its own headers and those of the call with every call", async () => {
    const stub = await startStub(() => success({ id: "api_1", name: "payments" }));
    const latchkey = new Latchkey({
      rootKey: "root_key",
      serverURL: stub.url,
      headers: { "X-One": "1", "x-two": "2" },
    });
    await latchkey.apis.getApi({ apiId: "api_1234" }, { headers: new Headers({ "X-Two": "3" }) });
    expect(stub.seen[0]?.headers).toMatchObject({
      "x-one": "1",
      "x-two": "3",
      authorization: "Bearer root_key",
      accept: "application/json",
      "content-type": "application/json",
    });
    await stub.stop();
  });

  test("sends its calls with the option `fetch`", async () => {
    const urls: string[] = [];
    const latchkey = new Latchkey({
      rootKey: "root_key",
      async fetch(url) {
        urls.push(url);
        return Response.json({ meta: { requestId: "req_1" }, data: { id: "api_1", name: "payments" } });
      },
    });
    const { data } = await latchkey.apis.getApi({ apiId: "api_1234" });
    expect(data.name).toBe("payments");
    expect(urls).toEqual(["http://127.0.0.1:7070/v2/apis.getApi"]);
  });
});
