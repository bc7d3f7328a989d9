/** Checks the shipped compose files by the schema of the Compose specification, and by what the server needs. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig, refuseSplitCounters } from "../../src/config/read.ts";
import { readText } from "./dockerfile.ts";
import { tool } from "./tools.ts";

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "../../..");

type Service = {
  image: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string | number | null>;
  ports?: string[];
  volumes?: string[];
  networks?: string[];
  restart: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt: string[];
  stop_grace_period?: string;
};

/**
 * Reads a compose file as `docker compose` does, with these variables. Throws an error that names a required variable
 * if it is missing.
 */
function composed(file: string, given: Record<string, string> = {}): Record<string, Service> {
  const text = readText(join(root, file))
    .replaceAll(/^\s*#.*$/gm, "")
    .replaceAll(/(?<!\$)\$\{(\w+)(:[-?])([^}]*)\}/g, (_, name, kind, rest) => {
      if (kind === ":?" && given[name] === undefined) throw new Error(`${name} is required`);
      return given[name] ?? rest;
    });
  const { services } = Bun.YAML.parse(text) as { services: Record<string, Service> };
  return services;
}

/** Returns the settings of a service, as the server parses them. */
function settingsOf({ environment = {} }: Service) {
  const texts = Object.entries(environment).map(([name, value]) => [
    name,
    value === null ? "" : String(value),
  ]);
  return readConfig(Object.fromEntries(texts));
}

const secrets = {
  POSTGRES_PASSWORD: "0123456789abcdef",
  REDIS_PASSWORD: "fedcba9876543210",
  LATCHKEY_ROOT_KEY: "0123456789abcdef0123456789abcdef0123456789abcdef",
};
const files = { "compose.yaml": {}, "compose.ha.yaml": secrets };

const validate = async (text: string) => {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-compose-"));
  const path = join(folder, "compose.yaml");
  writeFileSync(path, text);
  const { code, output } = await tool("check-jsonschema", ["--builtin-schema", "vendor.compose-spec", path]);
  rmSync(folder, { recursive: true });
  return { code, output };
};

describe.each(Object.entries(files))("%s", (file, given) => {
  const own = (service: Service) => service.build !== undefined;

  test("follows the Compose specification, and a planted violation is found", async () => {
    const text = readText(join(root, file));
    expect((await validate(text)).code).toBe(0);
    const planted = text.replace("read_only: true", "read_only: { root: true }");
    expect(planted).not.toBe(text);
    expect(await validate(planted)).toMatchObject({ code: 1, output: expect.stringContaining("read_only") });
  });

  test("gives each node settings with which the server starts", () => {
    const nodes = Object.values(composed(file, given)).filter(own);
    expect(nodes.length).toBeGreaterThan(0);
    for (const node of nodes) expect(() => refuseSplitCounters(settingsOf(node))).not.toThrow();
  });

  test("restricts every container, and gives a node more time to stop than its drain takes", () => {
    const services = Object.values(composed(file, given));
    const { version } = JSON.parse(readText(join(root, "server/package.json")));
    for (const service of services) {
      const confined = { restart: "unless-stopped", security_opt: ["no-new-privileges:true"] };
      expect(service).toMatchObject(confined);
      for (const port of service.ports ?? []) expect(port).toStartWith("127.0.0.1:");
    }
    for (const { image } of services.filter((one) => !own(one))) expect(image).toMatch(/^[a-z]+:\d/);
    for (const node of services.filter(own)) {
      expect(node).toMatchObject({ image: `latchkey:${version}`, read_only: true, cap_drop: ["ALL"] });
      expect(Number.parseInt(node.stop_grace_period ?? "0", 10)).toBeGreaterThan(25);
    }
  });
});

test("compose.ha.yaml does not start if a secret is missing, and contains no secret", () => {
  for (const name of Object.keys(secrets)) {
    const others = Object.fromEntries(Object.entries(secrets).filter(([one]) => one !== name));
    expect(() => composed("compose.ha.yaml", others)).toThrow(`${name} is required`);
  }
  const text = readText(join(root, "compose.ha.yaml"));
  for (const [, value] of text.matchAll(/(?:PASSWORD|KEY|AUTH): (.+)$/gm))
    expect(value).toMatch(/^\$\{\w+:[?-]/);
});

test("compose.ha.yaml: the balancer's servers, the trusted proxies and the connection limits match", () => {
  const services = composed("compose.ha.yaml", secrets);
  const nodes = Object.keys(services).filter((name) => services[name]?.build !== undefined);
  const balancer = readText(join(root, "deploy/haproxy.cfg"));
  for (const backend of ["ready", "alive"]) {
    const [, block = ""] = new RegExp(`^backend ${backend}\\n((?: .*\\n)+)`, "m").exec(balancer) ?? [];
    expect([...block.matchAll(/server (\S+) (\S+)$/gm)].map(([, name, at]) => [name, at])).toEqual(
      nodes.map((name) => [name, `${name}:7070`]),
    );
  }
  expect(services["balancer"]?.ports).toEqual(["127.0.0.1:7070:8080"]);
  expect(balancer).toContain("bind :8080");
  const [mounted = ""] = services["balancer"]?.volumes?.[0]?.split(":") ?? [];
  expect(existsSync(join(root, mounted))).toBe(true);
  const published = Object.keys(services).filter((name) => services[name]?.ports !== undefined);
  expect(published).toEqual(["balancer"]);
  const behind = Object.keys(services).filter((name) => !services[name]?.networks?.includes("front"));
  expect(behind).toEqual(["postgres", "redis"]);

  const settings = settingsOf(services["node1"] as Service);
  expect(readText(join(root, "compose.ha.yaml"))).toContain(
    `- subnet: \${FRONT_SUBNET:-${settings.TRUSTED_PROXIES}}`,
  );
  // after an interruption, nodes briefly have twice as many connections
  const most = nodes.length * (settings.DATABASE_CONNECTIONS + 1) * 2;
  const allowed = /max_connections=(\d+)/.exec(services["postgres"]?.command?.join(" ") ?? "")?.[1];
  expect(Number(allowed)).toBeGreaterThan(most);
  expect(services["redis"]?.command?.join(" ")).toContain("--maxmemory-policy noeviction");
});
