import { Latchkey } from "@latchkey/sdk";
import { withKey } from "@latchkey/sdk/workers";

type Env = { LATCHKEY_ROOT_KEY: string; LATCHKEY_URL: string };

const clientOf = (_request: Request, env: Env) =>
  new Latchkey({ rootKey: env.LATCHKEY_ROOT_KEY, serverURL: env.LATCHKEY_URL });

export default {
  fetch: withKey(clientOf, {}, (request) => {
    return Response.json({ hello: request.verifiedKey.identity?.externalId });
  }),
};
