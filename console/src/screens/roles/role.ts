import type { Item } from "../../data/api.ts";

export type Role = Item<"permissions.listRoles">;
