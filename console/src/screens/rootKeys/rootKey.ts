import type { Item } from "../../data/api.ts";

export type RootKey = Item<"rootKeys.listKeys">;
