/** Fills a workspace with records for every screen, among them long and hostile names and a customer who is refused. */
import type { Server } from "./server.ts";

export const hostile = {
  markup: `<img src=x onerror="document.title='pwned'">`,
  rightToLeft: "مفتاح الدفع \u202egnp.exe",
  long: "A name that nobody would choose, ".repeat(7).trim(),
};

export type Seeded = { apiId: string; keyId: string; key: string; refusedKey: string; refusedKeyId: string };

export async function seed({ call }: Server): Promise<Seeded> {
  const { apiId } = await call("apis.createApi", { name: "Payments" });
  await call("apis.createApi", { name: hostile.markup });
  await call("apis.createApi", { name: "Search, staging" });
  await call("permissions.createRole", {
    name: "editor",
    description: "Reads and writes documents",
    permissions: ["documents.read", "documents.write"],
  });
  await call("permissions.createRole", { name: "reader", permissions: ["documents.read"] });
  await call("permissions.createRole", {
    name: "billing",
    permissions: ["invoices.read", "invoices.send", "payments.refund"],
  });
  await seedIdentities(call);
  const refused = await call("keys.createKey", {
    apiId,
    prefix: "pay",
    name: "Acme, production",
    externalId: "acme",
    roles: ["editor"],
    permissions: ["invoices.read"],
    credits: { remaining: 500, refill: { interval: "monthly", amount: 1000, refillDay: 1 } },
  });
  for (let n = 0; n < 8; n += 1) {
    await call("keys.verifyKey", { key: refused.key, tags: ["path=/v1/charges"] });
  }
  const names = [hostile.markup, hostile.rightToLeft, hostile.long, "CI", "Mobile app"];
  let last = refused;
  for (let n = 0; n < 70; n += 1) {
    last = await call("keys.createKey", {
      apiId,
      prefix: "pay",
      name: names[n] ?? `Customer key ${n}`,
      externalId: `customer_${String((n % 60) + 1).padStart(4, "0")}`,
      enabled: n % 11 !== 0,
      ...(n % 9 === 1 ? { expires: Date.now() + (n % 5) * 86_400_000 + 3_600_000 } : {}),
    });
    if (n % 3 === 0) await call("keys.verifyKey", { key: last.key });
  }
  await call("keys.verifyKey", { key: last.key, permissions: "documents.write" });
  await call("keys.verifyKey", { key: "pay_unknown" });
  await seedLimits(call);
  return { apiId, keyId: last.keyId, key: last.key, refusedKey: refused.key, refusedKeyId: refused.keyId };
}

async function seedIdentities(call: Server["call"]): Promise<void> {
  for (let n = 1; n <= 60; n += 1) {
    await call("identities.createIdentity", {
      externalId: `customer_${String(n).padStart(4, "0")}`,
      meta: { plan: n % 3 === 0 ? "pro" : "free", seats: n },
      ratelimits:
        n % 2 === 0 ? [{ name: "requests", limit: 100 * n, duration: 60_000, autoApply: true }] : [],
    });
  }
  await call("identities.createIdentity", {
    externalId: "acme",
    meta: { plan: "pro", company: hostile.markup, note: hostile.rightToLeft },
    ratelimits: [
      { name: "requests", limit: 5, duration: 3_600_000, autoApply: true },
      { name: "exports", limit: 1000, duration: 86_400_000 },
    ],
    credits: { remaining: 250_000 },
    quotas: [
      { name: "tokens", limit: 100_000, period: "month", timeZone: "Europe/Berlin", thresholds: [80, 100] },
      { name: "exports", limit: 10, period: "day" },
    ],
  });
  await call("quotas.adjust", {
    identity: "acme",
    name: "tokens",
    used: 82_000,
    reason: "Moved from billing",
  });
  await call("quotas.grant", { identity: "acme", name: "tokens", amount: 20_000, reason: "Goodwill" });
}

async function seedLimits(call: Server["call"]): Promise<void> {
  for (let n = 0; n < 12; n += 1) {
    await call("ratelimit.limit", {
      namespace: "email.send",
      identifier: `user_${n % 4}`,
      limit: 2,
      duration: 60_000,
    });
  }
  await call("ratelimit.limit", { namespace: "exports", identifier: "acme", limit: 10, duration: 3_600_000 });
  await call("ratelimit.setOverride", {
    namespace: "email.send",
    identifier: "vip_*",
    limit: 1000,
    duration: 60_000,
  });
}
