/**
 * Marks a request that another server forwarded to this one. Such a request is never forwarded again, since two servers
 * may name each other as upstream.
 */
export const forwardingHeader = "latchkey-forwarded";
