/** Who has the credits and quotas: an identity, for all of its keys, or one key. */
export type Owner = { identity: string } | { keyId: string };

export function updatePermission(owner: Owner): string {
  return "identity" in owner ? "identity.*.update_identity" : "api.<id>.update_key";
}
