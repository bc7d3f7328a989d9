import type { Latchkey } from "@latchkey/sdk";

type KeyInput = Parameters<Latchkey["keys"]["createKey"]>[0];
type IdentityInput = Parameters<Latchkey["identities"]["createIdentity"]>[0];

/**
 * A key to create. With `externalId`, the key belongs to that identity, which is created if it is missing, and `meta`
 * and `ratelimits` are the identity's. Without `externalId`, they are the key's.
 */
export type Seed = Omit<KeyInput, "apiId"> & Omit<Partial<IdentityInput>, "meta"> & { apiId?: string };

export type Seeded = {
  key: string;
  keyId: string;
  apiId: string;
  /** the id of the key's identity; undefined without `externalId` */
  identityId: string | undefined;
};

/** Creates keys in one api. The first key creates the api. */
export function seeder(client: Latchkey) {
  let api: Promise<string> | undefined;
  const apiOf = () => {
    api ??= client.apis.createApi({ name: "test" }).then(({ data }) => data.apiId);
    return api;
  };

  async function identityOf({ externalId, meta, ratelimits }: Seed): Promise<string | undefined> {
    if (externalId === undefined) return undefined;
    const own = { ...(meta && { meta }), ...(ratelimits && { ratelimits }) };
    try {
      return (await client.identities.createIdentity({ externalId, ...own })).data.identityId;
    } catch (error) {
      if ((error as { status?: number }).status !== 409) throw error;
      return (await client.identities.updateIdentity({ identity: externalId, ...own })).data.id;
    }
  }

  return {
    async seed(seed: Seed): Promise<Seeded> {
      const apiId = seed.apiId ?? (await apiOf());
      const identityId = await identityOf(seed);
      const { meta: _meta, ratelimits: _ratelimits, roles, ...rest } = seed;
      for (const name of roles ?? []) await createRole(client, name);
      const own = identityId === undefined ? seed : { ...rest, ...(roles && { roles }) };
      const { data } = await client.keys.createKey({ ...own, apiId });
      return { key: data.key, keyId: data.keyId, apiId, identityId };
    },
    /** Must be called when the database is emptied, because the api is then deleted too. */
    forget() {
      api = undefined;
    },
  };
}

async function createRole(client: Latchkey, name: string): Promise<void> {
  try {
    await client.permissions.createRole({ name });
  } catch (error) {
    if ((error as { status?: number }).status !== 409) throw error;
  }
}
