import { z } from "zod";
import type { Caller } from "../domain/caller.ts";
import { looksLikeRootKey } from "../domain/secrets.ts";
import { Failure, invalid } from "../errors/failure.ts";
import { bodyBudget, type OverloadReport } from "../http/admission.ts";
import { type Authentication, authenticate, callerOf } from "../http/authenticate.ts";
import { declaredLength, dropBody, readBody } from "../http/body.ts";
import type { Exchange, Exchanges, Responder } from "../http/exchange.ts";
import { checkHead } from "../http/head.ts";
import { checkMediaType, readJson } from "../http/readJson.ts";
import { wrongMethod } from "../http/wrongTarget.ts";
import { parseInput } from "../parse.ts";
import { asFailure } from "../run.ts";
import type { Services } from "../services.ts";
import { findLoginRootKey, findRootKeyByHash } from "../storage/queries/rootKeys.ts";
import { findWorkspace } from "../storage/queries/workspaces.ts";
import type { Admit, ConsoleOptions } from "./admission.ts";
import { isSafeTransport } from "./availability.ts";
import type { SessionCookie } from "./cookie.ts";
import type { Origin, Session, Sessions } from "./sessions.ts";

type Parts = {
  exchanges: Exchanges;
  services: Services;
  options: ConsoleOptions;
  authentication: Authentication;
  reportOverload: OverloadReport;
  sessionStore: Sessions;
  cookie(): SessionCookie;
  admit: Admit;
};

const maxBytes = 4_096;
const login = z.strictObject({
  rootKey: z.string().min(1).max(512).optional(),
  loginToken: z.string().min(1).max(512).optional(),
});

/**
 * Serves `/console/session`. `POST` with a body signs in, `POST` without a body returns the current session, and
 * `DELETE` signs out.
 */
export function sessionRoute(parts: Parts): Responder {
  const { exchanges, reportOverload, sessionStore, cookie, admit } = parts;
  const bodies = bodyBudget(64 * maxBytes, () => reportOverload("bodies"));

  async function respond(exchange: Exchange): Promise<unknown> {
    const { request, headers } = exchange;
    if (request.method === "DELETE") {
      headers["Set-Cookie"] = cookie().clear();
      await signOut(exchange);
      return undefined;
    }
    if (request.method !== "POST") throw wrongMethod("POST, DELETE");
    const body = await readBody(request, declaredLength(request, maxBytes), maxBytes, bodies);
    try {
      if (body.byteLength === 0) return await shown(parts, await sessionOf(exchange));
      checkMediaType(request.headers);
      const { caller, byLink } = await callerSigningIn(parts, exchange, readJson(body));
      exchange.caller = caller;
      const secret = await sessionStore.start(caller, byLink, originOf(exchange));
      headers["Set-Cookie"] = cookie().set(secret);
      return await shown(parts, await sessionStore.find(secret));
    } finally {
      dropBody(body, bodies);
    }
  }

  function sessionOf({ request }: Exchange): Promise<Session> {
    return sessionStore.find(cookie().read(request.headers));
  }

  async function signOut(exchange: Exchange): Promise<void> {
    const session = await sessionOf(exchange).catch(() => undefined);
    if (session !== undefined) await sessionStore.end(session, originOf(exchange));
  }

  return async (request, socket) => {
    const exchange = exchanges.open(request, socket);
    try {
      checkHead(request.headers);
      admit(exchange, "call");
      return exchanges.succeed(exchange, { data: await respond(exchange) });
    } catch (error) {
      return exchanges.refuse(exchange, asFailure(error));
    }
  };
}

/**
 * Returns the caller that signs in. Errors: `insecure_login`, `invalid_input`,
 * `login_link_invalid`, and those of `authenticate`.
 */
async function callerSigningIn(
  { services, options, authentication }: Parts,
  exchange: Exchange,
  body: unknown,
): Promise<{ caller: Caller; byLink: boolean }> {
  if (!isSafeTransport(options.settings, exchange.request.headers)) throw new Failure("insecure_login");
  const { rootKey, loginToken } = parseInput(login, body) as z.output<typeof login>;
  if (rootKey !== undefined) {
    if (!/^[^\s,]+$/.test(rootKey) || looksLikeRootKey(rootKey) === "mistyped") {
      throw invalid("body.rootKey", "is mistyped", "paste the root key as it was shown");
    }
    await authenticate(`Bearer ${rootKey}`, exchange, authentication);
    // read again: the cache may not have noticed yet that another process has revoked or disabled the root key
    const current = await findRootKeyByHash(services.db, services.hashKey(rootKey));
    if (current === undefined) throw new Failure("root_key_not_found");
    return { caller: callerOf(current, { nowMs: services.now }), byLink: false };
  }
  if (loginToken === undefined) throw invalid("body.rootKey", "is missing", "send a root key");
  const record = options.tokens.take(loginToken)
    ? await findLoginRootKey(services.db, services.now())
    : undefined;
  if (record === undefined) throw new Failure("login_link_invalid");
  return { caller: callerOf(record, { nowMs: services.now }), byLink: true };
}

/** Returns the data of a response that describes a session. */
async function shown({ services }: Parts, { caller, endsAtMs }: Session) {
  const { workspaceId, rootKeyId, permissions } = caller;
  const workspace = await findWorkspace(services.db, workspaceId);
  return {
    rootKeyId,
    workspace: { id: workspaceId, name: workspace?.name ?? "" },
    permissions: [...permissions],
    expiresAt: endsAtMs,
  };
}

function originOf(exchange: Exchange): Origin {
  return {
    requestId: exchange.requestId,
    remoteAddress: exchange.address(),
    userAgent: exchange.request.headers.get("user-agent")?.slice(0, 512),
  };
}
