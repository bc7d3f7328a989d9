const keyActions = ["create_key", "read_key", "update_key", "delete_key", "encrypt_key", "decrypt_key"];

export const presets = [
  ["verify", "Verify keys of one api"],
  ["manage", "Manage one api and its keys"],
  ["read", "Read everything"],
  ["all", "Everything"],
  ["own", "Only permissions that I list"],
] as const;

export type Preset = (typeof presets)[number][0];

/** Returns whether the preset's permissions are limited to one api, so that the user must choose an api. */
export function isForApi(preset: Preset): boolean {
  return preset === "verify" || preset === "manage";
}

const reads = [
  "identity.*.read_identity",
  "api.*.read_api",
  "api.*.read_key",
  "api.*.read_analytics",
  "rbac.*.read_permission",
  "rbac.*.read_role",
  "ratelimit.*.read_namespace",
  "ratelimit.*.read_override",
  "ratelimit.*.list_overrides",
  "ratelimit.*.read_analytics",
  "audit.*.read_event",
];

export function permissionsOf(preset: Exclude<Preset, "own">, apiId: string): string[] {
  switch (preset) {
    case "verify":
      return [`api.${apiId}.verify_key`];
    case "manage":
      return [...keyActions, "verify_key", "read_api", "update_api", "read_analytics"].map(
        (action) => `api.${apiId}.${action}`,
      );
    case "read":
      return reads;
    case "all":
      return ["*"];
  }
}
