import { describe, expect, test } from "bun:test";
import { readConfig } from "./read.ts";
import { unknownSettings } from "./unknown.ts";

describe("a variable that begins with LATCHKEY_ and that nothing reads", () => {
  test.each([
    ["LATCHKEY_ROOTKEY", "Did you mean LATCHKEY_ROOT_KEY?"],
    ["LATCHKEY_ROOT_KEY_FILES", "Did you mean LATCHKEY_ROOT_KEY_FILE?"],
    ["LATCHKEY_PORT", "Did you mean PORT?"],
    ["LATCHKEY_DATABASE_URL", "Did you mean DATABASE_URL?"],
    ["LATCHKEY_ALLOW_HTTPS", "Did you mean LATCHKEY_ALLOW_HTTP?"],
    ["LATCHKEY_", "`latchkey config` lists the settings."],
    ["LATCHKEY_SOMETHING_ELSE_ALTOGETHER", "`latchkey config` lists the settings."],
    ["LATCHKEY_NAME", "`latchkey config` lists the settings."],
  ])("is a warning with the closest known name and without its value: %s", (name, hint) => {
    expect(unknownSettings({ [name]: "canary" })).toEqual([
      `${name} is not a setting and is ignored. ${hint}`,
    ]);
    expect(unknownSettings({ [name]: "" })).toEqual([]);
    expect(readConfig({ [name]: "canary" }).PORT).toBe(7070);
  });

  test("is no warning if Kubernetes or Docker set it for a service, or if it belongs to the SDK", () => {
    const environment = {
      LATCHKEY_SERVICE_HOST: "10.0.171.239",
      LATCHKEY_SERVICE_PORT: "7070",
      LATCHKEY_SERVICE_PORT_HTTP_METRICS: "9464",
      LATCHKEY_PORT: "tcp://10.0.171.239:7070",
      LATCHKEY_PORT_7070_TCP: "tcp://10.0.171.239:7070",
      LATCHKEY_PORT_7070_TCP_PROTO: "tcp",
      LATCHKEY_PORT_7070_TCP_PORT: "7070",
      LATCHKEY_PORT_7070_TCP_ADDR: "10.0.171.239",
      LATCHKEY_REDIS_PORT_6379_TCP_ADDR: "10.0.171.240",
      LATCHKEY_DNS_PORT: "udp://10.0.171.241:53",
      LATCHKEY_DNS_PORT_53_UDP: "udp://10.0.171.241:53",
      LATCHKEY_DB_NAME: "/latchkey/db",
      LATCHKEY_DB_ENV_POSTGRES_VERSION: "17",
      LATCHKEY_ALLOW_HTTP: "true",
      LATCHKEY_ROOT_KEY: "a-root-key-of-more-than-32-characters",
    };
    expect(unknownSettings(environment)).toEqual([]);
    expect(readConfig(environment)).toMatchObject({ PORT: 7070, HOST: "127.0.0.1" });
  });
});
