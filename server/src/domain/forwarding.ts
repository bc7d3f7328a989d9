/** A request with this header was sent by another server that asks this one, and is never sent on: two servers may name each other. */
export const forwardingHeader = "latchkey-forwarded";
