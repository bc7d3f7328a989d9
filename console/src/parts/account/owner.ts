/** The owner of credits and quotas: an identity, whose keys share the credits and quotas, or a single key. */
export type Owner = { identity: string } | { keyId: string };

export function updatePermission(owner: Owner): string {
  return "identity" in owner ? `identity.${owner.identity}.update_identity` : "api.<id>.update_key";
}
