import { Latchkey } from "@latchkey/sdk";
import { withKey } from "@latchkey/sdk/next";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL

export const GET = withKey(latchkey, {}, (request) => {
  return Response.json({ hello: request.verifiedKey.identity?.externalId });
});
