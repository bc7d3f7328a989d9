import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import fc from "fast-check";
import { startTest, type TestServer } from "../../test/harness.ts";
import { clientAddress } from "./clientAddress.ts";

const ipv4 = fc.ipV4();
const anyAddress = fc.oneof(fc.ipV4(), fc.ipV6());

test("without trusted proxies it is the socket's peer, whatever is forwarded", () => {
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

  test("it is the nearest address that is not a trusted proxy, read from the right", () => {
    expect(address("10.1.2.3", "203.0.113.9")).toBe("203.0.113.9");
    expect(address("10.1.2.3", "1.2.3.4, 203.0.113.9")).toBe("203.0.113.9");
    expect(address("10.1.2.3", "1.2.3.4,203.0.113.9 , 10.9.9.9,192.0.2.7")).toBe("203.0.113.9");
    expect(address("192.0.2.7", "10.0.0.1, 10.0.0.2")).toBe("10.0.0.1");
    expect(address("10.1.2.3", null)).toBe("10.1.2.3");
    expect(address("10.1.2.3", "")).toBe("10.1.2.3");
  });

  test("what a client puts before what the proxy added changes nothing", () => {
    fc.assert(
      fc.property(fc.string(), ipv4, (forged, client) => {
        fc.pre(!client.startsWith("10.") && client !== "192.0.2.7");
        expect(address("10.1.2.3", `${forged}, ${client}`)).toBe(client);
      }),
    );
  });

  test("it is always an address, never text of the header", () => {
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

  test("what is no address ends the reading: the proxy that sent it is the address", () => {
    for (const odd of [
      "unknown",
      "010.0.0.1",
      "1.2.3",
      "1.2.3.4/33",
      "1.2.3.4:80",
      "_hidden",
      "fe80::1%eth0",
      "[::1]",
      "1.2.3.256",
      "0x7f.1",
      "",
    ]) {
      expect([odd, address("10.1.2.3", `203.0.113.9, ${odd}`)]).toEqual([odd, "10.1.2.3"]);
      expect([odd, address("10.1.2.3", `${odd}, 10.9.9.9`)]).toEqual([odd, "10.9.9.9"]);
    }
  });

  test("a chain of any length is read in bounded time, and its end counts", () => {
    const long = `${"203.0.113.1, ".repeat(100_000)}203.0.113.9`;
    expect(address("10.1.2.3", long)).toBe("203.0.113.9");
    expect(isIP(address("10.1.2.3", "10.0.0.1,".repeat(100_000)))).not.toBe(0);
  });
});

describe("one address in several spellings", () => {
  test("is one address: IPv4 in IPv6 is IPv4, IPv6 is shortened and in lower case", () => {
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

  test("is not trusted under a prefix of the other family, nor just outside of a range", () => {
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
])("what is no range is refused by name: %s", (entry) => {
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
  let plain: TestServer;
  let proxied: TestServer;
  beforeAll(async () => {
    plain = await startTest();
    proxied = await startTest({ config: { TRUSTED_PROXIES: "127.0.0.0/8" } });
  });
  afterAll(() => Promise.all([plain.stop(), proxied.stop()]));

  test("forwarding headers are believed from a trusted proxy only, and of them X-Forwarded-For alone", async () => {
    expect(await addressOf(plain, forwarding)).toBe("127.0.0.1");
    expect(await addressOf(proxied, forwarding)).toBe("203.0.113.9");
    const { "x-forwarded-for": _, ...others } = forwarding;
    expect(await addressOf(proxied, others)).toBe("127.0.0.1");
    expect(await addressOf(proxied, { "x-forwarded-for": `${"1.1.1.1, ".repeat(1000)}203.0.113.9` })).toBe(
      "203.0.113.9",
    );
  });
});
