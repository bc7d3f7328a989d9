/**
 * Marks a request that another Latchkey server sent to this one, its upstream. This server does not ask its own
 * upstream about the request: two servers that name each other as upstream would ask each other forever.
 */
export const forwardingHeader = "latchkey-forwarded";
