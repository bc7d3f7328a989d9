/* oxlint-disable no-unused-expressions */
// The tests only compile this file, in a project that has installed the package. It never runs.
import {
  ApiError,
  type Identity,
  Latchkey,
  type ListIdentitiesInput,
  type Page,
  type Result,
  type VerifiedKey,
} from "@latchkey/sdk";

const latchkey = new Latchkey({
  rootKey: "root_key",
  serverURL: "https://latchkey.example",
  allowHttp: false,
  retries: { strategy: "backoff", backoff: { initialInterval: 50 }, retryConnectionErrors: true },
  timeoutMs: 1000,
  fetch: (url, init) => fetch(url, init),
  headers: { "x-one": "1" },
});

/** Fields that only a valid verdict has cannot be read before `valid` is checked. */
export async function verdicts(): Promise<void> {
  const { data } = await latchkey.keys.verifyKey({ key: "a_key" });
  // @ts-expect-error `valid` was not checked
  data.identity;
  // @ts-expect-error `valid` was not checked
  data.permissions;
  // @ts-expect-error the code was not checked, and a key that does not exist has no id
  data.keyId;
  if (data.code !== "NOT_FOUND") {
    data.keyId satisfies string;
    // @ts-expect-error a key that exists need not be valid
    data.identity;
    // @ts-expect-error the metadata of a key that is not valid cannot be read
    data.meta;
  }
  if (!data.valid) {
    data.code satisfies
      | "NOT_FOUND"
      | "FORBIDDEN"
      | "INSUFFICIENT_PERMISSIONS"
      | "USAGE_EXCEEDED"
      | "RATE_LIMITED"
      | "DISABLED"
      | "EXPIRED";
    // @ts-expect-error a refused key has no identity
    data.identity;
    return;
  }
  data.code satisfies "VALID";
  data.identity?.externalId satisfies string | undefined;
  data satisfies VerifiedKey;
  if (data.identity !== undefined) {
    // @ts-expect-error the values of metadata are unknown unless the client declares a type
    data.identity.meta["plan"].length;
  }
}

/** Results have types at every depth. */
export async function responses(): Promise<void> {
  const page = await latchkey.identities.listIdentities();
  page satisfies Page<Identity>;
  page.pagination.cursor satisfies string | undefined;
  (await page.next()) satisfies Page<Identity> | null;
  for await (const identity of latchkey.identities.listIdentities({ limit: 50 }))
    identity.ratelimits satisfies unknown[];
  for await (const one of latchkey.identities.listIdentities().pages()) one.data satisfies Identity[];
  const response = await latchkey.identities.getIdentity({ identity: "user_123" });
  response satisfies Result<Identity>;
  response.meta.requestId satisfies string;
  const deleted = await latchkey.identities.deleteIdentity({ identity: "user_123" });
  // @ts-expect-error deleteIdentity returns no data
  deleted.data;
  const { data } = await latchkey.keys.updateCredits({ keyId: "key_1", operation: "set", value: null });
  data.remaining satisfies number | null;
  data.refill?.interval satisfies "daily" | "monthly" | undefined;
}

/** An invalid input does not compile. */
export async function inputs(): Promise<void> {
  const given: ListIdentitiesInput = { limit: undefined };
  await latchkey.identities.listIdentities(given, { timeoutMs: undefined, signal: undefined });
  // @ts-expect-error externalId is missing
  await latchkey.identities.createIdentity({});
  // @ts-expect-error a field that the API does not know
  await latchkey.identities.createIdentity({ externalId: "x", externalID: "y" });
  // @ts-expect-error a wrong type
  await latchkey.identities.createIdentity({ externalId: 7 });
  // @ts-expect-error not one of the values
  await latchkey.keys.updateCredits({ keyId: "key_1", operation: "double" });
  // @ts-expect-error an operation that the API does not have
  await latchkey.identities.renameIdentity({});
  // @ts-expect-error an unknown strategy
  await latchkey.identities.listIdentities({}, { retries: { strategy: "often" } });
}

/** `meta` has the type that the client declares, unless a call declares another type. */
export async function metadata(): Promise<void> {
  const typed = new Latchkey<{ identity: { plan: "free" | "pro" }; key: { note: string } }>();
  const { data } = await typed.identities.getIdentity({ identity: "user_123" });
  data.meta.plan satisfies "free" | "pro";
  await typed.identities.createIdentity({ externalId: "x", meta: { plan: "pro" } });
  // @ts-expect-error not a plan
  await typed.identities.createIdentity({ externalId: "x", meta: { plan: "gold" } });
  // @ts-expect-error `plan` is declared for identities, not for keys
  await typed.keys.createKey({ apiId: "api_1", meta: { plan: "pro" } });
  await typed.keys.createKey({ apiId: "api_1", meta: { note: "for the tests" } });
  await typed.keys.updateKey({ keyId: "key_1", meta: null });
  const other = await typed.identities.getIdentity<{ identity: { seats: number } }>({ identity: "user_123" });
  other.data.meta.seats satisfies number;
  const verdict = await typed.keys.verifyKey({ key: "a_key" });
  if (verdict.data.valid) {
    verdict.data.identity?.meta.plan satisfies "free" | "pro" | undefined;
    verdict.data.meta?.note satisfies string | undefined;
  }
}

/** The type of `code` lists the known codes, and accepts others. */
export function errors(error: unknown): string {
  if (!(error instanceof ApiError)) return "";
  if (error.code === "identity_not_found") return error.detail;
  error.errors[0]?.fix satisfies string | undefined;
  // @ts-expect-error the fields of errors are read-only
  error.status = 200;
  return error.code === "a_code_of_the_future" ? error.body : error.requestId;
}
