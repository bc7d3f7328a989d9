import { Latchkey } from "@latchkey/sdk";
import { withKey } from "@latchkey/sdk/lambda";

const latchkey = new Latchkey(); // reads LATCHKEY_ROOT_KEY and LATCHKEY_URL

export const handler = withKey(latchkey, {}, async (_event, key) => {
  return { statusCode: 200, body: JSON.stringify({ hello: key.identity?.externalId }) };
});
