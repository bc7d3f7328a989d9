import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import fc from "fast-check";
import { sql } from "kysely";
import { engines, startTest, type TestServer } from "../../test/harness.ts";
import { freePort } from "../../test/program.ts";
import { openRaw } from "../../test/raw.ts";
import { testServer } from "../../test/setUp.ts";
import { until } from "../../test/until.ts";
import { insertMigration } from "../storage/queries/keys/migrations.ts";
import { clientAddress as clientAddressOf, countedAddress } from "./clientAddress.ts";

/** Returns a function that finds the client's address from the socket's peer and the X-Forwarded-For header. */
function clientAddress(trusted: string) {
  const address = clientAddressOf(trusted);
  return (peer: string, forwardedFor: string | null) =>
    address(peer, headersWith("x-forwarded-for", forwardedFor));
}

/** Headers with one header of any value. The class `Headers` would refuse some values. */
function headersWith(name: string, value: string | null): Headers {
  return { get: (asked: string) => (asked === name ? value : null) } as Headers;
}

const ipv4 = fc.ipV4();
const anyAddress = fc.oneof(fc.ipV4(), fc.ipV6());

test("without trusted proxies the address is the socket's peer, whatever the headers say", () => {
  const address = clientAddress("");
  fc.assert(
    fc.property(ipv4, fc.string(), (peer, forwarded) => {
      expect(address(peer, forwarded)).toBe(peer);
      expect(address(peer, null)).toBe(peer);
    }),
  );
});

test("a peer that is not trusted cannot forward anything", () => {
  const address = clientAddress("10.0.0.0/8, fd00::/8");
  for (const peer of ["192.0.2.1", "11.0.0.1", "2001:db8::1", "fe80::1"]) {
    expect(address(peer, "203.0.113.9")).toBe(peer);
  }
});

describe("behind a trusted proxy", () => {
  const address = clientAddress("10.0.0.0/8,192.0.2.7");

  test("the address is the nearest one that is not a trusted proxy, read from the right", () => {
    expect(address("10.1.2.3", "203.0.113.9")).toBe("203.0.113.9");
    expect(address("10.1.2.3", "1.2.3.4, 203.0.113.9")).toBe("203.0.113.9");
    expect(address("10.1.2.3", "1.2.3.4,203.0.113.9 , 10.9.9.9,192.0.2.7")).toBe("203.0.113.9");
    expect(address("192.0.2.7", "10.0.0.1, 10.0.0.2")).toBe("10.0.0.1");
    expect(address("10.1.2.3", null)).toBe("10.1.2.3");
    expect(address("10.1.2.3", "")).toBe("10.1.2.3");
  });

  test("what a client puts in front of the proxy's part changes nothing", () => {
    fc.assert(
      fc.property(fc.string(), ipv4, (forged, client) => {
        fc.pre(!client.startsWith("10.") && client !== "192.0.2.7");
        expect(address("10.1.2.3", `${forged}, ${client}`)).toBe(client);
      }),
    );
  });

  test("the result is always an address, never other text of the header", () => {
    fc.assert(
      fc.property(
        anyAddress,
        fc.array(fc.oneof(fc.string(), anyAddress, fc.constant("10.0.0.9"))),
        (peer, hops) => {
          expect(isIP(address(peer, hops.join(",")))).not.toBe(0);
        },
      ),
    );
  });

  test("reading ends at the first hop that is not an address, and returns the proxy that sent it", () => {
    for (const odd of [
      "unknown",
      "010.0.0.1",
      "1.2.3",
      "1.2.3.4/33",
      "1.2.3.4:",
      "1.2.3.4:80:80",
      "[1.2.3.4]:80",
      "[::1",
      "[::1]80",
      "_hidden",
      "fe80::1%eth0",
      "1.2.3.256",
      "0x7f.1",
      "",
    ]) {
      expect([odd, address("10.1.2.3", `203.0.113.9, ${odd}`)]).toEqual([odd, "10.1.2.3"]);
      expect([odd, address("10.1.2.3", `${odd}, 10.9.9.9`)]).toEqual([odd, "10.9.9.9"]);
    }
  });

  test("the address is read in every form that RFC 7239 and the large clouds use", () => {
    for (const [written, read] of [
      ["203.0.113.6:51234", "203.0.113.6"],
      ["203.0.113.6:_port", "203.0.113.6"],
      ['"203.0.113.6:51234"', "203.0.113.6"],
      ["2001:db8::6", "2001:db8::6"],
      ["[2001:db8::6]", "2001:db8::6"],
      ["[2001:DB8::6]:51234", "2001:db8::6"],
      ['"[2001:db8::6]:51234"', "2001:db8::6"],
      ["[::ffff:203.0.113.6]:51234", "203.0.113.6"],
    ] as const) {
      expect([written, address("10.1.2.3", written)]).toEqual([written, read]);
      expect([written, address("10.1.2.3", `1.2.3.4, ${written}, 10.9.9.9:80`)]).toEqual([written, read]);
      const forwarded = (value: string) =>
        clientAddressOf("10.0.0.0/8")("10.1.2.3", headersWith("forwarded", value));
      for (const element of [
        `for=${written}`,
        `For=${written};proto=http`,
        `proto=https; for=${written};by=_a`,
      ]) {
        expect([element, forwarded(element)]).toEqual([element, read]);
        expect([element, forwarded(`for=1.2.3.4, ${element}`)]).toEqual([element, read]);
        expect([element, forwarded(`for="1.2.3.4, ${element}`)]).toEqual([element, read]);
        expect([element, forwarded(`${element}, for=10.9.9.9`)]).toEqual([element, read]);
      }
    }
  });

  test("Forwarded has no address in quoted text, nor in an element without exactly one `for`", () => {
    const forwarded = (value: string) =>
      clientAddressOf("10.0.0.0/8")("10.1.2.3", headersWith("forwarded", value));
    expect(forwarded('for=203.0.113.6;host="a,for=1.2.3.4"')).toBe("203.0.113.6");
    expect(forwarded('for=203.0.113.6;host="a\\",for=1.2.3.4"')).toBe("203.0.113.6");
    expect(forwarded('for=203.0.113.6;host="a;for=1.2.3.4"')).toBe("203.0.113.6");
    expect(forwarded('for=203.0.113.6;host="a\\\\"')).toBe("203.0.113.6");
    for (const odd of [
      "",
      "proto=http",
      "for=1.2.3.4;for=5.6.7.8",
      "for=unknown",
      "for=_hidden",
      "xfor=1.2.3.4",
    ]) {
      expect([odd, forwarded(`for=1.2.3.4, ${odd}`)]).toEqual([odd, "10.1.2.3"]);
    }
  });

  test("a chain of any length is read in bounded time, from its end", () => {
    const long = `${"203.0.113.1, ".repeat(100_000)}203.0.113.9`;
    expect(address("10.1.2.3", long)).toBe("203.0.113.9");
    expect(isIP(address("10.1.2.3", "10.0.0.1,".repeat(100_000)))).not.toBe(0);
  });
});

describe("one address in several spellings", () => {
  test("is one address: IPv4 in IPv6 form becomes IPv4, and IPv6 is shortened and in lower case", () => {
    const address = clientAddress("10.0.0.0/8");
    expect(address("::ffff:10.1.2.3", "203.0.113.9")).toBe("203.0.113.9");
    expect(address("10.1.2.3", "::ffff:203.0.113.9")).toBe("203.0.113.9");
    expect(address("10.1.2.3", "::FFFF:cb00:7109")).toBe("203.0.113.9");
    expect(address("10.1.2.3", "2001:DB8:0:0:0:0:0:1")).toBe("2001:db8::1");
    expect(address("::ffff:203.0.113.9", null)).toBe("203.0.113.9");
  });

  test("is trusted in each of them", () => {
    for (const [trusted, peer] of [
      ["::ffff:10.0.0.1", "10.0.0.1"],
      ["10.0.0.1", "::ffff:10.0.0.1"],
      ["::ffff:10.0.0.0/104", "10.9.9.9"],
      ["2001:DB8::/32", "2001:db8:ffff::1"],
      [" 10.0.0.1 ,, 10.0.0.2 ", "10.0.0.2"],
      ["0.0.0.0/0", "198.51.100.1"],
      ["::/0", "2001:db8::1"],
    ] as const) {
      expect([trusted, clientAddress(trusted)(peer, "203.0.113.9")]).toEqual([trusted, "203.0.113.9"]);
    }
  });

  test("is not trusted by a range of the other family, nor just outside of a range", () => {
    for (const [trusted, peer] of [
      ["0.0.0.0/0", "2001:db8::1"],
      ["::/0", "198.51.100.1"],
      ["10.0.0.0/30", "10.0.0.4"],
      ["10.0.0.1", "10.0.0.10"],
      ["2001:db8::/33", "2001:db8:8000::"],
    ] as const) {
      expect([trusted, clientAddress(trusted)(peer, "203.0.113.9")]).toEqual([trusted, peer]);
    }
  });
});

test.each([
  "10.0.0.1/33",
  "10.0.0.1/-1",
  "10.0.0.1/",
  "10.0.0.1/8/8",
  "10.0.0.1/8.5",
  "::1/129",
  "localhost",
  "010.0.0.1",
  "10.0.0",
  "*",
  "fe80::1%eth0",
  "10.0.0.1 10.0.0.2",
])("text that is not a range is refused by name: %s", (entry) => {
  expect(() => clientAddress(`192.0.2.1,${entry}`)).toThrow(`TRUSTED_PROXIES: ${entry} `);
});

describe("on a running server", () => {
  const addressOf = async (server: TestServer, headers: Record<string, string>) => {
    await server.call("identities.listIdentities", {}, { headers });
    return (JSON.parse(server.log.at(-1) ?? "{}") as { address?: string }).address;
  };
  const forwarding = {
    "x-forwarded-for": "203.0.113.9",
    forwarded: "for=203.0.113.10",
    "x-real-ip": "203.0.113.11",
    "cf-connecting-ip": "203.0.113.12",
    "true-client-ip": "203.0.113.13",
  };
  const plain = testServer();
  const proxied = testServer({ config: { TRUSTED_PROXIES: "127.0.0.0/8" } });

  test("forwarding headers are believed from a trusted proxy only: X-Forwarded-For, or Forwarded if that is missing", async () => {
    expect(await addressOf(plain, forwarding)).toBe("127.0.0.1");
    expect(await addressOf(proxied, forwarding)).toBe("203.0.113.9");
    const { "x-forwarded-for": _, ...others } = forwarding;
    expect(await addressOf(proxied, others)).toBe("203.0.113.10");
    const { forwarded: __, ...unread } = others;
    expect(await addressOf(proxied, unread)).toBe("127.0.0.1");
    expect(
      await addressOf(proxied, { "x-forwarded-for": `${"1.1.1.1, ".repeat(1000)}203.0.113.9:443` }),
    ).toBe("203.0.113.9");
  });
});

/**
 * Operations that write an audit row, and the table that they change. `prepare` returns a function that returns the
 * input of the call with this index.
 */
const audited = [
  {
    name: "identities.createIdentity",
    table: "identities",
    kind: "changes",
    prepare: async () => (index: number) => ({ externalId: `user_${index}` }),
  },
  {
    name: "ratelimit.limit",
    table: "namespaces",
    kind: "decisions",
    prepare: async () => (index: number) => ({
      namespace: `new_${index}`,
      identifier: "a",
      limit: 5,
      duration: 60_000,
    }),
  },
  { name: "keys.verifyKey", table: "keys", kind: "decisions", prepare: migrateKeys },
] as const;

const callers = 20;
const migrationId = "mig_prefixed";
const longToken = (index: number) => `long${String(index).padStart(20, "0")}`;

/** Migrates one key for each caller. The first verification of a migrated key writes an audit row. */
async function migrateKeys(server: TestServer) {
  const { engine, now } = server.services;
  const { id: workspaceId } = await engine.db.selectFrom("workspaces").select("id").executeTakeFirstOrThrow();
  const algorithm = "github.com/seamapi/prefixed-api-key";
  const migration = { id: migrationId, workspaceId, algorithm, nowMs: now() } as const;
  await engine.transaction((tx) => insertMigration(tx, migration));
  const { apiId } = (await server.call("apis.createApi", { name: "brought" })).body.data;
  const keys = Array.from({ length: callers }, (_, index) => ({
    hash: createHash("sha256").update(longToken(index)).digest("hex"),
  }));
  expect((await server.call("keys.migrateKeys", { migrationId, apiId, keys })).status).toBe(200);
  return (index: number) => ({ key: `my_short_${longToken(index)}`, migrationId });
}

describe.each(engines)("on $name", (engine) => {
  test.each(audited)(
    "the audit row of $name has the address of a caller who reset the connection before the change began",
    async ({ name, table, kind, prepare }) => {
      const metricsAddress = `127.0.0.1:${await freePort()}`;
      const server = await startTest({ engine, config: { METRICS_ADDRESS: metricsAddress } });
      const bodyOf = await prepare(server);
      const already = ((await server.call("audit.listEvents", {})).body.data as unknown[]).length;
      const held = Promise.withResolvers<void>();
      const holding = Promise.withResolvers<void>();
      const transaction = server.services.engine.transaction(async (tx) => {
        if (engine.name === "postgres")
          await sql`lock table ${sql.table(table)} in exclusive mode`.execute(tx);
        holding.resolve();
        await held.promise;
      });
      await holding.promise;
      const connections = await Promise.all(Array.from({ length: callers }, () => openRaw(server.url)));
      for (const [index, connection] of connections.entries()) {
        const body = JSON.stringify(bodyOf(index));
        connection.send(
          `POST /v2/${name} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${server.rootKey}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
      }
      await until(async () =>
        (await (await fetch(`http://${metricsAddress}/metrics`)).text()).includes(
          `latchkey_${kind}_in_flight ${callers}\n`,
        ),
      );
      for (const connection of connections) connection.destroy();
      // gives the server time to notice the resets; if the server takes longer, the test passes but proves less
      await Bun.sleep(50);
      held.resolve();
      await transaction;
      const events = await until(async () => {
        const { data } = (await server.call("audit.listEvents", {})).body;
        return data.length === already + callers && (data as { remoteAddress?: string }[]);
      });
      expect(new Set(events.map(({ remoteAddress }) => remoteAddress))).toEqual(new Set(["127.0.0.1"]));
      await server.stop();
    },
  );
});

test("IPv6 clients are counted by /64, IPv4 clients one by one", () => {
  expect(countedAddress("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(countedAddress("2001:db8::")).toBe(countedAddress("2001:db8::ffff:0:0:1"));
  expect(countedAddress("2001:db8:0:1::1")).not.toBe(countedAddress("2001:db8::1"));
  expect(countedAddress("203.0.113.9")).toBe("203.0.113.9");
});
