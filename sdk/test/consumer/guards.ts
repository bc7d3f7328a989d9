/* oxlint-disable no-unused-expressions */
// Compiled by the tests in a project that has installed the package and the frameworks; never run.
import { guard, Latchkey } from "@latchkey/sdk";
import { requireKey as forExpress } from "@latchkey/sdk/express";
import { requireKey as forFastify } from "@latchkey/sdk/fastify";
import { requireKey as forHono } from "@latchkey/sdk/hono";
import { withKey } from "@latchkey/sdk/next";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";

type Plan = "free" | "pro";
const latchkey = new Latchkey<{ identity: { plan: Plan } }>();

/** The key is there with its types where a guard let the request through, and may be missing where it may. */
export async function web(request: Request): Promise<Response> {
  const verdict = await guard(latchkey, { permissions: "documents.read" })(request);
  // @ts-expect-error nobody has looked at `passed`
  verdict.key;
  if (!verdict.passed) return verdict.response;
  verdict.key.identity?.meta.plan satisfies Plan | undefined;
  const lenient = await guard(latchkey, { onUnavailable: "allow" })(request);
  // @ts-expect-error there may be no key while the service is away
  if (lenient.passed) lenient.key.identity;
  const chosen = await guard(latchkey, { onUnavailable: lenient.passed ? "allow" : "refuse" })(request);
  // @ts-expect-error there may be none here either
  if (chosen.passed) chosen.key.identity;
  return Response.json(verdict.key.keyId);
}

export const hono = new Hono().get(
  "/documents/:id",
  forHono(latchkey, { credits: (context) => ({ cost: context.req.path.length }) }),
  (context) => {
    context.var.verifiedKey.identity?.meta.plan satisfies Plan | undefined;
    return context.text(context.var.verifiedKey.keyId);
  },
);

const key = forExpress(latchkey, { tags: (request) => [`path=${request.path}`] });
export const expressApp = express().get("/documents/:id", key, (request, response) => {
  key.keyOf(request).identity?.meta.plan satisfies Plan | undefined;
  response.send(request.verifiedKey?.identity?.externalId ?? request.params.id);
});

const hook = forFastify(latchkey, { ratelimits: [{ name: "requests" }] });
export const fastifyApp = fastify().get("/documents/:id", { onRequest: hook }, async (request) => {
  hook.keyOf(request).identity?.meta.plan satisfies Plan | undefined;
  return request.verifiedKey?.keyId;
});

export const GET = withKey(latchkey, {}, async (request, { params }: { params: Promise<{ id: string }> }) => {
  request.verifiedKey.identity?.meta.plan satisfies Plan | undefined;
  return Response.json((await params).id);
});

// @ts-expect-error no such choice
forHono(latchkey, { onUnavailable: "ignore" });
