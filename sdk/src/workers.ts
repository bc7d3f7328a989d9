import { addressAtCloudflare } from "./clientAddress.ts";
import { type Wrap, wrapping } from "./web.ts";

export { type WithKey, withPermission } from "./web.ts";

/** Wraps a Worker's `fetch`. Only requests with a valid key pass; `fetch` finds the key in `request.verifiedKey`. */
export const withKey: Wrap = wrapping(addressAtCloudflare);
