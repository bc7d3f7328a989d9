// Made from openapi.json by `npm run generate`.

import type {
  Answer,
  CallOptions,
  EmptyAnswer,
  IdentityMeta,
  KeyMeta,
  MetaTypes,
  PageCall,
} from "./answers.ts";

/** The last segment of an error's `type`. */
export type ErrorCode =
| "analytics_not_configured"
| "api_not_found"
| "authentication_rate_limited"
| "forbidden"
| "idempotency_in_progress"
| "idempotency_key_reused"
| "identity_already_exists"
| "identity_not_found"
| "insufficient_permissions"
| "invalid_input"
| "key_disabled"
| "key_not_found"
| "malformed"
| "method_not_allowed"
| "migration_not_found"
| "missing"
| "outcome_unknown"
| "permission_already_exists"
| "permission_not_found"
| "permissions_query_syntax_error"
| "precondition_failed"
| "ratelimit_namespace_not_found"
| "ratelimit_override_not_found"
| "request_body_too_large"
| "request_timeout"
| "role_already_exists"
| "role_not_found"
| "server_overloaded"
| "service_unavailable"
| "unexpected_error"
| "unknown_operation"
| "unsupported_media_type"
| "workspace_disabled"
| "workspace_rate_limited";

export type Usage = {
  granularity: "minute" | "hour" | "day";
  points: Array<{
    total: number;
    /** Credits or cost that were spent. */
    credits: number;
    /** How many had each outcome; those with none are left away. */
    outcomes: Record<string, number>;
    /** When the period began. */
    time: number;
  }>;
  totals: {
    total: number;
    /** Credits or cost that were spent. */
    credits: number;
    /** How many had each outcome; those with none are left away. */
    outcomes: Record<string, number>;
  };
  csv?: string;
};

export type Api = {
  id: string;
  name: string;
};

export type Identity<M extends MetaTypes = MetaTypes> = {
  id: string;
  externalId: string;
  meta: IdentityMeta<M>;
  ratelimits: Array<{
    id: string;
    name: string;
    limit: number;
    duration: number;
    autoApply: boolean;
  }>;
};

export type Key<M extends MetaTypes = MetaTypes> = {
  keyId: string;
  /** The first characters of the key, to recognise it by. */
  start: string;
  enabled: boolean;
  createdAt: number;
  name?: string;
  meta?: KeyMeta<M>;
  updatedAt?: number;
  lastUsedAt?: number;
  expires?: number;
  permissions?: string[];
  roles?: string[];
  credits?: {
    remaining: number | null;
    refill?: {
      interval: "daily" | "monthly";
      amount: number;
      refillDay?: number;
    };
  };
  identity?: Identity<M>;
  ratelimits?: Array<{
    id: string;
    name: string;
    limit: number;
    duration: number;
    autoApply: boolean;
  }>;
  plaintext?: string;
};

export type Permission = {
  id: string;
  name: string;
  slug: string;
  description?: string;
};

export type Role = {
  id: string;
  name: string;
  description?: string;
  permissions?: Permission[];
};

export type Override = {
  overrideId: string;
  identifier: string;
  limit: number;
  duration: number;
};

export type GetRatelimitsInput = {
  query: string;
};

export type GetUsageInput = {
  keyId?: string | undefined;
  /** The identity's id or its external id; where both exist, the id wins. */
  identity?: string | undefined;
  apiId?: string | undefined;
  /** A rate limit namespace's name or id. */
  namespace?: string | undefined;
  /** @default "hour" */
  granularity?: "minute" | "hour" | "day" | undefined;
  /**
   * Milliseconds since the epoch; 24 hours before `end` where it is left away.
   *
   * At least 0, at most 4102444800000.
   */
  start?: number | undefined;
  /**
   * Milliseconds since the epoch, not included; now where it is left away.
   *
   * At least 0, at most 4102444800000.
   */
  end?: number | undefined;
  /** Only what carried this tag. */
  tag?: string | undefined;
  /**
   * csv adds the series as text.
   *
   * @default "json"
   */
  format?: "json" | "csv" | undefined;
};

export type GetVerificationsInput = {
  query: string;
};

export type CreateApiInput = {
  name: string;
};

export type DeleteApiInput = {
  apiId: string;
};

export type GetApiInput = {
  apiId: string;
};

export type ListKeysInput = {
  apiId: string;
  /**
   * At least 1, at most 100.
   *
   * @default 100
   */
  limit?: number | undefined;
  /** `pagination.cursor` of the page before. */
  cursor?: string | undefined;
  /** Only keys of this identity. */
  externalId?: string | undefined;
  /**
   * Adds `plaintext` to keys that can be shown again.
   *
   * @default false
   */
  decrypt?: boolean | undefined;
  /**
   * Taken and not needed: a list is never cached.
   *
   * @default false
   */
  revalidateKeysCache?: boolean | undefined;
};

export type ListEventsInput = {
  /**
   * At least 1, at most 100.
   *
   * @default 100
   */
  limit?: number | undefined;
  /** `pagination.cursor` of the page before. */
  cursor?: string | undefined;
  /** Only events of this kind. */
  event?: string | undefined;
  actorId?: string | undefined;
  targetId?: string | undefined;
  /**
   * Only events from this instant on.
   *
   * At least 0, at most 4102444800000.
   */
  start?: number | undefined;
  /**
   * Only events before this instant.
   *
   * At least 0, at most 4102444800000.
   */
  end?: number | undefined;
};

export type CreateIdentityInput<M extends MetaTypes = MetaTypes> = {
  /** Your own name for the user or organisation; unique in the workspace, compared byte for byte. */
  externalId: string;
  /** Any JSON object; it comes back equal, and with every verification. */
  meta?: IdentityMeta<M> | undefined;
  ratelimits?: Array<{
    /** Unique among the limits of its owner. */
    name: string;
    /**
     * How much cost any span of `duration` may hold.
     *
     * At least 1.
     */
    limit: number;
    /**
     * Milliseconds, at most 30 days unless the server is set otherwise.
     *
     * At least 1000.
     */
    duration: number;
    /**
     * Whether every verification counts it without naming it.
     *
     * @default false
     */
    autoApply?: boolean | undefined;
  }> | undefined;
};

export type DeleteIdentityInput = {
  /** The identity's id or its external id; where both exist, the id wins. */
  identity: string;
};

export type GetIdentityInput = {
  /** The identity's id or its external id; where both exist, the id wins. */
  identity: string;
};

export type ListIdentitiesInput = {
  /**
   * At least 1, at most 100.
   *
   * @default 100
   */
  limit?: number | undefined;
  /** `pagination.cursor` of the page before. */
  cursor?: string | undefined;
  /** Literal text, ASCII letters in either case. */
  search?: string | undefined;
};

export type UpdateIdentityInput<M extends MetaTypes = MetaTypes> = {
  /** The identity's id or its external id; where both exist, the id wins. */
  identity: string;
  /** Any JSON object; it comes back equal, and with every verification. */
  meta?: IdentityMeta<M> | undefined;
  ratelimits?: Array<{
    /** Unique among the limits of its owner. */
    name: string;
    /**
     * How much cost any span of `duration` may hold.
     *
     * At least 1.
     */
    limit: number;
    /**
     * Milliseconds, at most 30 days unless the server is set otherwise.
     *
     * At least 1000.
     */
    duration: number;
    /**
     * Whether every verification counts it without naming it.
     *
     * @default false
     */
    autoApply?: boolean | undefined;
  }> | undefined;
};

export type AddPermissionsInput = {
  keyId: string;
  permissions: string[];
};

export type AddRolesInput = {
  keyId: string;
  roles: string[];
};

export type CreateKeyInput<M extends MetaTypes = MetaTypes> = {
  apiId: string;
  prefix?: string | undefined;
  name?: string | undefined;
  /**
   * At least 16, at most 255.
   *
   * @default 16
   */
  byteLength?: number | undefined;
  /** Your own name for the user or organisation; unique in the workspace, compared byte for byte. */
  externalId?: string | undefined;
  /** Any JSON object; it comes back equal, and with every verification. */
  meta?: KeyMeta<M> | undefined;
  roles?: string[] | undefined;
  permissions?: string[] | undefined;
  /** At least 0, at most 4102444800000. */
  expires?: number | undefined;
  credits?: {
    /** null: unlimited. */
    remaining: number | null;
    refill?: {
      interval: "daily" | "monthly";
      /**
       * What the balance is set to, at 00:00 UTC.
       *
       * At least 1.
       */
      amount: number;
      /**
       * Monthly only; the 1st where it is left away.
       *
       * At least 1, at most 31.
       */
      refillDay?: number | undefined;
    } | undefined;
  } | undefined;
  ratelimits?: Array<{
    /** Unique among the limits of its owner. */
    name: string;
    /**
     * How much cost any span of `duration` may hold.
     *
     * At least 1.
     */
    limit: number;
    /**
     * Milliseconds, at most 30 days unless the server is set otherwise.
     *
     * At least 1000.
     */
    duration: number;
    /**
     * Whether every verification counts it without naming it.
     *
     * @default false
     */
    autoApply?: boolean | undefined;
  }> | undefined;
  /** @default true */
  enabled?: boolean | undefined;
  /** @default false */
  recoverable?: boolean | undefined;
};

export type DeleteKeyInput = {
  keyId: string;
  /** @default false */
  permanent?: boolean | undefined;
};

export type GetKeyInput = {
  keyId: string;
  /**
   * Adds `plaintext` to a key that can be shown again.
   *
   * @default false
   */
  decrypt?: boolean | undefined;
};

export type MigrateKeysInput<M extends MetaTypes = MetaTypes> = {
  migrationId: string;
  apiId: string;
  keys: Array<{
    /** SHA-256 of the key (or of its long token), in hex, base64 or base64url. */
    hash: string;
    name?: string | undefined;
    /** Your own name for the user or organisation; unique in the workspace, compared byte for byte. */
    externalId?: string | undefined;
    /** Any JSON object; it comes back equal, and with every verification. */
    meta?: KeyMeta<M> | undefined;
    roles?: string[] | undefined;
    permissions?: string[] | undefined;
    /** At least 0, at most 4102444800000. */
    expires?: number | undefined;
    /** @default true */
    enabled?: boolean | undefined;
    credits?: {
      /** null: unlimited. */
      remaining: number | null;
      refill?: {
        interval: "daily" | "monthly";
        /**
         * What the balance is set to, at 00:00 UTC.
         *
         * At least 1.
         */
        amount: number;
        /**
         * Monthly only; the 1st where it is left away.
         *
         * At least 1, at most 31.
         */
        refillDay?: number | undefined;
      } | undefined;
    } | undefined;
    ratelimits?: Array<{
      /** Unique among the limits of its owner. */
      name: string;
      /**
       * How much cost any span of `duration` may hold.
       *
       * At least 1.
       */
      limit: number;
      /**
       * Milliseconds, at most 30 days unless the server is set otherwise.
       *
       * At least 1000.
       */
      duration: number;
      /**
       * Whether every verification counts it without naming it.
       *
       * @default false
       */
      autoApply?: boolean | undefined;
    }> | undefined;
  }>;
};

export type RemovePermissionsInput = {
  keyId: string;
  permissions: string[];
};

export type RemoveRolesInput = {
  keyId: string;
  roles: string[];
};

export type RerollKeyInput = {
  keyId: string;
  /**
   * Milliseconds; 0 ends the old key at once.
   *
   * At least 0, at most 4102444800000.
   */
  expiration: number;
};

export type SetPermissionsInput = {
  keyId: string;
  permissions: string[];
};

export type SetRolesInput = {
  keyId: string;
  roles: string[];
};

export type UpdateCreditsInput = {
  keyId: string;
  operation: "set" | "increment" | "decrement";
  /** null or left away, with `set`: unlimited. */
  value?: number | null | undefined;
};

export type UpdateKeyInput<M extends MetaTypes = MetaTypes> = {
  keyId: string;
  name?: string | null | undefined;
  /** null unlinks the identity. */
  externalId?: string | null | undefined;
  meta?: KeyMeta<M> | null | undefined;
  /** null: never. */
  expires?: number | null | undefined;
  /** null: unlimited. */
  credits?: {
    /** null: unlimited, and the refill is gone. */
    remaining?: number | null | undefined;
    /** null: no refill any more. */
    refill?: {
      interval: "daily" | "monthly";
      /**
       * What the balance is set to, at 00:00 UTC.
       *
       * At least 1.
       */
      amount: number;
      /**
       * Monthly only; the 1st where it is left away.
       *
       * At least 1, at most 31.
       */
      refillDay?: number | undefined;
    } | null | undefined;
  } | null | undefined;
  ratelimits?: Array<{
    /** Unique among the limits of its owner. */
    name: string;
    /**
     * How much cost any span of `duration` may hold.
     *
     * At least 1.
     */
    limit: number;
    /**
     * Milliseconds, at most 30 days unless the server is set otherwise.
     *
     * At least 1000.
     */
    duration: number;
    /**
     * Whether every verification counts it without naming it.
     *
     * @default false
     */
    autoApply?: boolean | undefined;
  }> | undefined;
  enabled?: boolean | undefined;
  roles?: string[] | undefined;
  permissions?: string[] | undefined;
};

export type VerifyKeyInput = {
  /** The whole key, exactly as it was issued. */
  key: string;
  tags?: string[] | undefined;
  permissions?: string | undefined;
  credits?: {
    /** At least 0, at most 1000000000000. */
    cost: number;
  } | undefined;
  ratelimits?: Array<{
    name: string;
    /** At least 0. */
    cost?: number | undefined;
    /** At least 1. */
    limit?: number | undefined;
    /** At least 1000. */
    duration?: number | undefined;
  }> | undefined;
  migrationId?: string | undefined;
};

export type WhoamiInput = {
  key: string;
};

export type CreatePermissionInput = {
  name: string;
  /** What queries name; unique in the workspace, compared byte for byte. */
  slug: string;
  description?: string | undefined;
};

export type CreateRoleInput = {
  /** Unique in the workspace, compared byte for byte. */
  name: string;
  description?: string | undefined;
  permissions?: string[] | undefined;
};

export type DeletePermissionInput = {
  /** The permission's id or slug; where both exist, the id wins. */
  permission: string;
};

export type DeleteRoleInput = {
  /** The role's id or name; where both exist, the id wins. */
  role: string;
};

export type GetPermissionInput = {
  /** The permission's id or slug; where both exist, the id wins. */
  permission: string;
};

export type GetRoleInput = {
  /** The role's id or name; where both exist, the id wins. */
  role: string;
};

export type ListPermissionsInput = {
  /**
   * At least 1, at most 100.
   *
   * @default 100
   */
  limit?: number | undefined;
  /** `pagination.cursor` of the page before. */
  cursor?: string | undefined;
  /** Literal text, ASCII letters in either case. */
  search?: string | undefined;
};

export type ListRolesInput = {
  /**
   * At least 1, at most 100.
   *
   * @default 100
   */
  limit?: number | undefined;
  /** `pagination.cursor` of the page before. */
  cursor?: string | undefined;
  /** Literal text, ASCII letters in either case. */
  search?: string | undefined;
};

export type SetRolePermissionsInput = {
  /** The role's id or name; where both exist, the id wins. */
  role?: string | undefined;
  /** The older name of `role`. */
  roleId?: string | undefined;
  permissions: string[];
};

export type UpdatePermissionInput = {
  /** The permission's id or slug; where both exist, the id wins. */
  permission: string;
  name?: string | undefined;
  slug?: string | undefined;
  /** null or empty removes it. */
  description?: string | null | undefined;
};

export type UpdateRoleInput = {
  /** The role's id or name; where both exist, the id wins. */
  role: string;
  name?: string | undefined;
  /** null or empty removes it. */
  description?: string | null | undefined;
};

export type DeleteOverrideInput = {
  /** The namespace's name or id. */
  namespace: string;
  /** One identifier, or a pattern in which * stands for anything. */
  identifier: string;
};

export type GetOverrideInput = {
  /** The namespace's name or id. */
  namespace: string;
  /** One identifier, or a pattern in which * stands for anything. */
  identifier: string;
};

export type LimitInput = {
  /** Made by its first use, with `ratelimit.*.create_namespace`. */
  namespace: string;
  /** Whose counter it is: a user, an address, …; compared byte for byte. */
  identifier: string;
  /**
   * How much cost any span of `duration` may hold.
   *
   * At least 1.
   */
  limit: number;
  /**
   * Milliseconds, at most 30 days unless the server is set otherwise.
   *
   * At least 1000.
   */
  duration: number;
  /**
   * 0 looks without counting.
   *
   * At least 0.
   *
   * @default 1
   */
  cost?: number | undefined;
};

export type ListOverridesInput = {
  /** The namespace's name or id. */
  namespace: string;
  /**
   * At least 1, at most 100.
   *
   * @default 50
   */
  limit?: number | undefined;
  /** `pagination.cursor` of the page before. */
  cursor?: string | undefined;
};

export type MultiLimitInput = Array<{
  /** Made by its first use, with `ratelimit.*.create_namespace`. */
  namespace: string;
  /** Whose counter it is: a user, an address, …; compared byte for byte. */
  identifier: string;
  /**
   * How much cost any span of `duration` may hold.
   *
   * At least 1.
   */
  limit: number;
  /**
   * Milliseconds, at most 30 days unless the server is set otherwise.
   *
   * At least 1000.
   */
  duration: number;
  /**
   * 0 looks without counting.
   *
   * At least 0.
   *
   * @default 1
   */
  cost?: number | undefined;
}>;

export type SetOverrideInput = {
  /** The namespace's name or id. */
  namespace: string;
  /** One identifier, or a pattern in which * stands for anything. */
  identifier: string;
  /** At least 0. */
  limit: number;
  /** At least 1000. */
  duration: number;
};

export type GetRatelimitsData = Record<string, unknown>[];

export type GetVerificationsData = Record<string, unknown>[];

export type CreateApiData = {
  apiId: string;
};

export type DeleteApiData = Record<string, never>;

export type ListEventsItem = {
  id: string;
  /** Milliseconds since the epoch. */
  time: number;
  /** What happened, such as `identity.update`. */
  event: string;
  /** The root key that did it. */
  actorId: string;
  /** What it was done to. */
  targetId: string;
  /** Names of what changed, or ids of what was connected; never values. */
  fields: string[];
  requestId: string;
  remoteAddress?: string;
  userAgent?: string;
};

export type CreateIdentityData = {
  identityId: string;
};

export type AddPermissionsData = Permission[];

export type AddRolesData = Role[];

export type CreateKeyData = {
  keyId: string;
  key: string;
  warnings?: string[];
};

export type DeleteKeyData = Record<string, never>;

export type MigrateKeysData = {
  migrated: Array<{
    hash: string;
    keyId: string;
  }>;
  failed: string[];
};

export type RemovePermissionsData = Permission[];

export type RemoveRolesData = Role[];

export type RerollKeyData = {
  keyId: string;
  key: string;
};

export type SetPermissionsData = Permission[];

export type SetRolesData = Role[];

export type UpdateCreditsData = {
  remaining: number | null;
  refill?: {
    interval: "daily" | "monthly";
    amount: number;
    refillDay?: number;
  };
};

export type UpdateKeyData = {
  warnings?: string[];
};

export type VerifyKeyData<M extends MetaTypes = MetaTypes> = {
  valid: true;
  code: "VALID";
  keyId: string;
  name?: string;
  meta?: KeyMeta<M>;
  expires?: number;
  credits?: number;
  enabled: boolean;
  permissions?: string[];
  roles?: string[];
  identity?: Identity<M>;
  ratelimits?: Array<{
    id: string;
    name: string;
    limit: number;
    duration: number;
    /** Milliseconds since the epoch. */
    reset: number;
    remaining: number;
    exceeded: boolean;
    autoApply: boolean;
  }>;
} | {
  valid: false;
  code: "NOT_FOUND";
} | {
  valid: false;
  code: "FORBIDDEN" | "INSUFFICIENT_PERMISSIONS" | "USAGE_EXCEEDED" | "RATE_LIMITED" | "DISABLED" | "EXPIRED";
  keyId: string;
  name?: string;
  expires?: number;
  credits?: number;
  enabled: boolean;
  ratelimits?: Array<{
    id: string;
    name: string;
    limit: number;
    duration: number;
    /** Milliseconds since the epoch. */
    reset: number;
    remaining: number;
    exceeded: boolean;
    autoApply: boolean;
  }>;
};

export type CreatePermissionData = {
  permissionId: string;
};

export type CreateRoleData = {
  roleId: string;
};

export type DeletePermissionData = Record<string, never>;

export type DeleteRoleData = Record<string, never>;

export type SetRolePermissionsData = Permission[];

export type DeleteOverrideData = Record<string, never>;

export type LimitData = {
  /** The limit in force: the override's, where one applies. */
  limit: number;
  /** What the very next call may spend. */
  remaining: number;
  /** Milliseconds since the epoch: when this cost fits again, or the window is empty. */
  reset: number;
  success: boolean;
  overrideId?: string;
};

export type MultiLimitData = {
  passed: boolean;
  limits: Array<{
    namespace: string;
    identifier: string;
    passed: boolean;
    limit: number;
    remaining: number;
    reset: number;
    overrideId?: string;
  }>;
};

export type SetOverrideData = {
  overrideId: string;
};

export interface AnalyticsOperations {
  /**
   * Query rate limit decisions by SQL: not offered by this server.
   *
   * Answers `analytics_not_configured`, as documented for a server without it; use `analytics.getUsage`.
   *
   * Needs the permission `ratelimit.*.read_analytics`.
   */
  getRatelimits(input: GetRatelimitsInput, options?: CallOptions): Promise<Answer<GetRatelimitsData>>;
  /**
   * Count verifications or rate limit decisions over time.
   *
   * A time series for one key, identity, api or rate limit namespace, with totals by outcome. Minutes are kept for a week, hours for three months, days for three years.
   *
   * Needs the permission `api.*.read_analytics`.
   */
  getUsage(input?: GetUsageInput, options?: CallOptions): Promise<Answer<Usage>>;
  /**
   * Query verifications by SQL: not offered by this server.
   *
   * Answers `analytics_not_configured`, as documented for a server without it; use `analytics.getUsage`.
   *
   * Needs the permission `api.*.read_analytics`.
   */
  getVerifications(input: GetVerificationsInput, options?: CallOptions): Promise<Answer<GetVerificationsData>>;
}

export interface ApisOperations<M extends MetaTypes = MetaTypes> {
  /**
   * Create an api.
   *
   * An api is a set of keys that are managed and verified under the same permissions.
   *
   * Needs the permission `api.*.create_api`.
   */
  createApi(input: CreateApiInput, options?: CallOptions): Promise<Answer<CreateApiData>>;
  /**
   * Delete an api.
   *
   * Permanent: none of its keys is valid any more, however many there are.
   *
   * Needs the permission `api.*.delete_api`.
   */
  deleteApi(input: DeleteApiInput, options?: CallOptions): Promise<Answer<DeleteApiData>>;
  /**
   * Read one api.
   *
   * Needs the permission `api.*.read_api`.
   */
  getApi(input: GetApiInput, options?: CallOptions): Promise<Answer<Api>>;
  /**
   * List the keys of an api.
   *
   * All keys of the api in the order in which they were made, disabled and expired ones too.
   *
   * Needs the permissions `api.*.read_key` and `api.*.read_api`.
   */
  listKeys<C extends MetaTypes = M>(input: ListKeysInput, options?: CallOptions): PageCall<Key<C>>;
}

export interface AuditOperations {
  /**
   * List who changed what.
   *
   * Every change of the workspace, in the order in which they were made.
   *
   * Needs the permission `audit.*.read_event`.
   */
  listEvents(input?: ListEventsInput, options?: CallOptions): PageCall<ListEventsItem>;
}

export interface IdentitiesOperations<M extends MetaTypes = MetaTypes> {
  /**
   * Create an identity.
   *
   * One entity for a user or organisation. Keys that name its external id share its rate limits and carry its metadata.
   *
   * Needs the permission `identity.*.create_identity`.
   */
  createIdentity<C extends MetaTypes = M>(input: CreateIdentityInput<C>, options?: CallOptions): Promise<Answer<CreateIdentityData>>;
  /**
   * Delete an identity.
   *
   * Permanent: the metadata and shared limits are gone, its keys stay valid without them, and the external id is free.
   *
   * Needs the permission `identity.*.delete_identity`.
   */
  deleteIdentity(input: DeleteIdentityInput, options?: CallOptions): Promise<EmptyAnswer>;
  /**
   * Read one identity.
   *
   * Needs the permission `identity.*.read_identity`.
   */
  getIdentity<C extends MetaTypes = M>(input: GetIdentityInput, options?: CallOptions): Promise<Answer<Identity<C>>>;
  /**
   * List identities.
   *
   * All identities in the order in which they were made, a page at a time.
   *
   * Needs the permission `identity.*.read_identity`.
   */
  listIdentities<C extends MetaTypes = M>(input?: ListIdentitiesInput, options?: CallOptions): PageCall<Identity<C>>;
  /**
   * Update an identity.
   *
   * What is left away stays; `meta` replaces the whole object; `ratelimits` replaces the whole set, matched by name.
   *
   * Needs the permission `identity.*.update_identity`.
   */
  updateIdentity<C extends MetaTypes = M>(input: UpdateIdentityInput<C>, options?: CallOptions): Promise<Answer<Identity<C>>>;
}

export interface KeysOperations<M extends MetaTypes = MetaTypes> {
  /**
   * Give a key further permissions.
   *
   * Answers all that it then has directly. Slugs that do not exist are made, with `rbac.*.create_permission`.
   *
   * Needs the permissions `api.*.update_key` and `rbac.*.add_permission_to_key`.
   */
  addPermissions(input: AddPermissionsInput, options?: CallOptions): Promise<Answer<AddPermissionsData>>;
  /**
   * Give a key further roles.
   *
   * Answers all that it then has.
   *
   * Needs the permissions `api.*.update_key` and `rbac.*.add_role_to_key`.
   */
  addRoles(input: AddRolesInput, options?: CallOptions): Promise<Answer<AddRolesData>>;
  /**
   * Create a key.
   *
   * The key is shown in this answer and never again. `externalId` links it to an identity, made if missing.
   *
   * Needs the permission `api.*.create_key`.
   */
  createKey<C extends MetaTypes = M>(input: CreateKeyInput<C>, options?: CallOptions): Promise<Answer<CreateKeyData>>;
  /**
   * Delete a key.
   *
   * The key is invalid from this answer on. `permanent` also removes its record.
   *
   * Needs the permission `api.*.delete_key`.
   */
  deleteKey(input: DeleteKeyInput, options?: CallOptions): Promise<Answer<DeleteKeyData>>;
  /**
   * Read one key.
   *
   * Needs the permission `api.*.read_key`.
   */
  getKey<C extends MetaTypes = M>(input: GetKeyInput, options?: CallOptions): Promise<Answer<Key<C>>>;
  /**
   * Bring keys over from elsewhere, by their hashes.
   *
   * All in one transaction. `failed` lists hashes that the workspace has already. Verify such keys with `migrationId`.
   *
   * Needs the permission `api.*.create_key`.
   */
  migrateKeys<C extends MetaTypes = M>(input: MigrateKeysInput<C>, options?: CallOptions): Promise<Answer<MigrateKeysData>>;
  /**
   * Take permissions from a key.
   *
   * Only direct ones; answers what it then still has directly.
   *
   * Needs the permissions `api.*.update_key` and `rbac.*.remove_permission_from_key`.
   */
  removePermissions(input: RemovePermissionsInput, options?: CallOptions): Promise<Answer<RemovePermissionsData>>;
  /**
   * Take roles from a key.
   *
   * Answers those that it then still has.
   *
   * Needs the permission `api.*.update_key`.
   */
  removeRoles(input: RemoveRolesInput, options?: CallOptions): Promise<Answer<RemoveRolesData>>;
  /**
   * Replace a key by a new one.
   *
   * The new key has the old one's settings and shares its credits and counters. The old one stays usable for `expiration` milliseconds, never beyond its own expiry.
   *
   * Needs the permission `api.*.create_key`.
   */
  rerollKey(input: RerollKeyInput, options?: CallOptions): Promise<Answer<RerollKeyData>>;
  /**
   * Replace a key's direct permissions.
   *
   * Those it has through roles stay. Slugs that do not exist are made, with `rbac.*.create_permission`.
   *
   * Needs the permissions `api.*.update_key` and `rbac.*.add_permission_to_key` and `rbac.*.remove_permission_from_key`.
   */
  setPermissions(input: SetPermissionsInput, options?: CallOptions): Promise<Answer<SetPermissionsData>>;
  /**
   * Replace a key's roles.
   *
   * Needs the permission `api.*.update_key`.
   */
  setRoles(input: SetRolesInput, options?: CallOptions): Promise<Answer<SetRolesData>>;
  /**
   * Set, add or take credits.
   *
   * Changes the one balance that a key and those it was rerolled to share.
   *
   * Needs the permission `api.*.update_key`.
   */
  updateCredits(input: UpdateCreditsInput, options?: CallOptions): Promise<Answer<UpdateCreditsData>>;
  /**
   * Update a key.
   *
   * What is left away stays, null clears, a value replaces.
   *
   * Needs the permission `api.*.update_key`.
   */
  updateKey<C extends MetaTypes = M>(input: UpdateKeyInput<C>, options?: CallOptions): Promise<Answer<UpdateKeyData>>;
  /**
   * Verify a key.
   *
   * Answers whether a request made with this key may pass. Every verdict is a 200: look at `valid`, then at `code`.
   *
   * Needs the permission `api.*.verify_key`.
   */
  verifyKey<C extends MetaTypes = M>(input: VerifyKeyInput, options?: CallOptions): Promise<Answer<VerifyKeyData<C>>>;
  /**
   * Read one key by the key itself.
   *
   * Disabled and expired keys too; nothing is counted or spent.
   *
   * Needs the permission `api.*.read_key`.
   */
  whoami<C extends MetaTypes = M>(input: WhoamiInput, options?: CallOptions): Promise<Answer<Key<C>>>;
}

export interface PermissionsOperations {
  /**
   * Create a permission.
   *
   * Needs the permission `rbac.*.create_permission`.
   */
  createPermission(input: CreatePermissionInput, options?: CallOptions): Promise<Answer<CreatePermissionData>>;
  /**
   * Create a role.
   *
   * A named set of permissions. Naming some needs `rbac.*.add_permission_to_role`, and new ones `rbac.*.create_permission`.
   *
   * Needs the permission `rbac.*.create_role`.
   */
  createRole(input: CreateRoleInput, options?: CallOptions): Promise<Answer<CreateRoleData>>;
  /**
   * Delete a permission.
   *
   * Permanent: every key and role loses it.
   *
   * Needs the permission `rbac.*.delete_permission`.
   */
  deletePermission(input: DeletePermissionInput, options?: CallOptions): Promise<Answer<DeletePermissionData>>;
  /**
   * Delete a role.
   *
   * Permanent: every key loses it, and the permissions it had through it.
   *
   * Needs the permission `rbac.*.delete_role`.
   */
  deleteRole(input: DeleteRoleInput, options?: CallOptions): Promise<Answer<DeleteRoleData>>;
  /**
   * Read one permission.
   *
   * Needs the permission `rbac.*.read_permission`.
   */
  getPermission(input: GetPermissionInput, options?: CallOptions): Promise<Answer<Permission>>;
  /**
   * Read one role.
   *
   * Needs the permission `rbac.*.read_role`.
   */
  getRole(input: GetRoleInput, options?: CallOptions): Promise<Answer<Role>>;
  /**
   * List permissions.
   *
   * In the order in which they were made. `search` looks at id, name, slug and description.
   *
   * Needs the permission `rbac.*.read_permission`.
   */
  listPermissions(input?: ListPermissionsInput, options?: CallOptions): PageCall<Permission>;
  /**
   * List roles.
   *
   * In the order in which they were made. `search` looks at id, name and description.
   *
   * Needs the permission `rbac.*.read_role`.
   */
  listRoles(input?: ListRolesInput, options?: CallOptions): PageCall<Role>;
  /**
   * Replace a role's permissions.
   *
   * Slugs that do not exist are made, with `rbac.*.create_permission`.
   *
   * Needs the permissions `rbac.*.add_permission_to_role` and `rbac.*.remove_permission_from_role`.
   */
  setRolePermissions(input: SetRolePermissionsInput, options?: CallOptions): Promise<Answer<SetRolePermissionsData>>;
  /**
   * Update a permission.
   *
   * What is left away stays. Keys and roles keep it under its new slug.
   *
   * Needs the permission `rbac.*.update_permission`.
   */
  updatePermission(input: UpdatePermissionInput, options?: CallOptions): Promise<Answer<Permission>>;
  /**
   * Update a role.
   *
   * What is left away stays. Keys keep the role under its new name.
   *
   * Needs the permission `rbac.*.update_role`.
   */
  updateRole(input: UpdateRoleInput, options?: CallOptions): Promise<Answer<Role>>;
}

export interface RatelimitOperations {
  /**
   * Delete an override.
   *
   * The one with exactly this identifier or pattern.
   *
   * Needs the permission `ratelimit.*.delete_override`.
   */
  deleteOverride(input: DeleteOverrideInput, options?: CallOptions): Promise<Answer<DeleteOverrideData>>;
  /**
   * Read the override that applies to an identifier.
   *
   * The one for just this identifier, else the pattern with the longest literal part that covers it.
   *
   * Needs the permission `ratelimit.*.read_override`.
   */
  getOverride(input: GetOverrideInput, options?: CallOptions): Promise<Answer<Override>>;
  /**
   * Count one request against a limit.
   *
   * Every outcome is a 200: look at `success`. Any span of `duration` holds at most `limit`.
   *
   * Needs the permission `ratelimit.*.limit`.
   */
  limit(input: LimitInput, options?: CallOptions): Promise<Answer<LimitData>>;
  /**
   * List the overrides of a namespace.
   *
   * In the order in which they were made.
   *
   * Needs the permission `ratelimit.*.read_override`.
   */
  listOverrides(input: ListOverridesInput, options?: CallOptions): PageCall<Override>;
  /**
   * Count one request against several limits.
   *
   * All are counted, or none: where one has no room, no counter moves.
   *
   * Needs the permission `ratelimit.*.limit`.
   */
  multiLimit(input: MultiLimitInput, options?: CallOptions): Promise<Answer<MultiLimitData>>;
  /**
   * Give one identifier, or a pattern of them, a limit of its own.
   *
   * Replaces limit and duration of every call for them. A limit of 0 refuses all.
   *
   * Needs the permission `ratelimit.*.set_override`.
   */
  setOverride(input: SetOverrideInput, options?: CallOptions): Promise<Answer<SetOverrideData>>;
}

/** Every operation of the API, by group. */
export type Groups<M extends MetaTypes = MetaTypes> = {
  analytics: AnalyticsOperations;
  apis: ApisOperations<M>;
  audit: AuditOperations;
  identities: IdentitiesOperations<M>;
  keys: KeysOperations<M>;
  permissions: PermissionsOperations;
  ratelimit: RatelimitOperations;
};
