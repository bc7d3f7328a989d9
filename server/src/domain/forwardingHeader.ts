/**
 * Marks a request from another Latchkey server that has this server as its upstream. This server does not ask its own
 * upstream about such a request: two servers that have each other as upstream would ask each other forever.
 */
export const forwardingHeader = "latchkey-forwarded";
