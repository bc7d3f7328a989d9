import { argon2Sync, createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { TestServer } from "./harness.ts";

export const hmacSecret = "pepper";
const password = (key: string, algorithm: Parameters<typeof Bun.password.hashSync>[1]) =>
  Bun.password.hashSync(key, algorithm);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
const pbkdf2 = (key: string, digest: string, length: number) =>
  base64(pbkdf2Sync(key, "somesalt", 1000, length, digest));
const cheap = { algorithm: "argon2id", memoryCost: 64, timeCost: 1 } as const;
export const bcrypt = (key: string, version = "b", cost = 4) =>
  password(key, { algorithm: "bcrypt", cost }).replace("$2b$", `$2${version}$`);

/** What other systems store for a key, and the algorithm's name if the import cannot see it from the hash. */
export const hashes: Readonly<Record<string, (key: string) => readonly [hash: string, algorithm?: string]>> =
  {
    sha512: (key) => [createHash("sha512").update(key).digest("hex"), "sha512"],
    "hmac-sha256": (key) => [createHmac("sha256", hmacSecret).update(key).digest("base64"), "hmac-sha256"],
    "hmac-sha512": (key) => [createHmac("sha512", hmacSecret).update(key).digest("base64url"), "hmac-sha512"],
    "bcrypt 2a": (key) => [bcrypt(key, "a")],
    "bcrypt 2b": (key) => [bcrypt(key), "bcrypt"],
    "bcrypt 2y": (key) => [bcrypt(key, "y")],
    argon2id: (key) => [password(key, cheap)],
    argon2i: (key) => [password(key, { ...cheap, algorithm: "argon2i" })],
    argon2d: (key) => [password(key, { ...cheap, algorithm: "argon2d" })],
    "argon2id of four lanes": (key) => {
      const parameters = {
        nonce: Buffer.from("somesalt"),
        parallelism: 4,
        tagLength: 24,
        memory: 64,
        passes: 2,
      };
      const digest = argon2Sync("argon2id", { message: key, ...parameters });
      return [`$argon2id$v=19$m=64,t=2,p=4$c29tZXNhbHQ$${base64(digest)}`];
    },
    "PBKDF2 of passlib": (key) => [
      `$pbkdf2-sha256$1000$c29tZXNhbHQ$${pbkdf2(key, "sha256", 32).replaceAll("+", ".")}`,
    ],
    "PBKDF2 of Django": (key) => [`pbkdf2_sha512$1000$somesalt$${pbkdf2(key, "sha512", 64)}==`],
    "PBKDF2 as PHC": (key) => [`$pbkdf2-sha1$i=1000,l=20$c29tZXNhbHQ$${pbkdf2(key, "sha1", 20)}`],
  };

export type Row = { key: string; hash: string; algorithm?: string | undefined; start?: string };

/** A CSV file to import. Without `start`, a key's start is its first eight characters. */
export const csv = (rows: readonly Row[]) =>
  [
    "hash,algorithm,name,start",
    ...rows.map(
      ({ key, hash, algorithm, start }) => `"${hash}",${algorithm ?? ""},${key},${start ?? key.slice(0, 8)}`,
    ),
  ].join("\n");

/** What the database has of a key that may still wait for its first verification. */
export async function storedKey(server: TestServer, keyId: string) {
  const { engine } = server.services;
  return engine.db
    .selectFrom("keys")
    .select(["hash", "pendingMigrationId"])
    .where("id", "=", keyId)
    .executeTakeFirstOrThrow();
}
