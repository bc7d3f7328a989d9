/* oxlint-disable no-unused-expressions */
// The tests only compile this file, in a project that has installed the package and the frameworks. It never runs.
import { guard, hasPermission, Latchkey, settleAfter } from "@latchkey/sdk";
import { requireKey as forElysia, requirePermission as permitElysia } from "@latchkey/sdk/elysia";
import { requireKey as forExpress, requirePermission as permitExpress } from "@latchkey/sdk/express";
import { requireKey as forFastify, requirePermission as permitFastify } from "@latchkey/sdk/fastify";
import { requireKey as forHono, requirePermission as permitHono } from "@latchkey/sdk/hono";
import { requireKey as forKoa, requirePermission as permitKoa } from "@latchkey/sdk/koa";
import { withKey as forLambda, withPermission as permitLambda } from "@latchkey/sdk/lambda";
import { KeyGuard, PermissionGuard } from "@latchkey/sdk/nest";
import { withKey, withPermission } from "@latchkey/sdk/next";
import { withKey as forWorkers } from "@latchkey/sdk/workers";
import type { CanActivate } from "@nestjs/common";
import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2 } from "aws-lambda";
import { Elysia } from "elysia";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";

type Plan = "free" | "pro";
const latchkey = new Latchkey<{ identity: { plan: Plan } }>();

/** The key's `meta` has the type that the client declares. With `onUnavailable: "allow"`, the key can be undefined. */
export async function web(request: Request): Promise<Response> {
  const verdict = await guard(latchkey, { permissions: "documents.read" })(request);
  // @ts-expect-error `passed` was not checked
  verdict.key;
  if (!verdict.passed) return verdict.response;
  verdict.key.identity?.meta.plan satisfies Plan | undefined;
  const lenient = await guard(latchkey, { onUnavailable: "allow" })(request);
  // @ts-expect-error with "allow", the key is undefined while the server is unavailable
  if (lenient.passed) lenient.key.identity;
  const chosen = await guard(latchkey, { onUnavailable: lenient.passed ? "allow" : "refuse" })(request);
  // @ts-expect-error `onUnavailable` may be "allow", and then the key can be undefined
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

type Permission = "documents.read" | "documents.write";
const listed = new Latchkey<{
  identity: { plan: Plan };
  permissions: Permission;
  limits: "requests" | "tokens";
  quotas: "credits";
}>();
forHono(listed, { permissions: "documents.read", ratelimits: [{ name: "requests" }] });
forExpress(listed, { permissions: "(documents.read OR documents.write) AND documents.read" });
forFastify(listed, { permissions: (request) => (request.id === "1" ? "documents.read" : undefined) });
forKoa(() => listed, { ratelimits: (context) => [{ name: "tokens", cost: context.path.length }] });
// @ts-expect-error a typo in a permission
forHono(listed, { permissions: "documents.raed" });
// @ts-expect-error a typo in one of two permissions
forExpress(listed, { permissions: "documents.read AND documents.wirte" });
// @ts-expect-error a function that returns a typo
forFastify(listed, { permissions: () => "documents.raed" });
// @ts-expect-error a typo in a limit
guard(listed, { ratelimits: [{ name: "request" }] });
// @ts-expect-error a function that returns a typo in a limit
forKoa(listed, { ratelimits: () => [{ name: "request" }] });
guard(listed, { quotas: [{ name: "credits", cost: 1 }], apis: ["api_1"], clientIp: () => "192.0.2.1" });
// @ts-expect-error a typo in a quota
guard(listed, { quotas: [{ name: "credit" }] });
// @ts-expect-error there is no option `ip`; the option for the address is `clientIp`
guard(listed, { ip: "192.0.2.1" });
permitHono<Permission>("documents.read");
// @ts-expect-error a typo in a permission
permitHono<Permission>("documents.raed");
// @ts-expect-error a typo in a permission
new PermissionGuard<Permission>("documents.raed") satisfies CanActivate;
permitExpress("documents.raed", { onRefused: (_refusal, request) => ({ body: request.path }) });
withKey(listed, { permissions: "documents.read" }, (request) => {
  request.verifiedKey.identity?.meta.plan satisfies Plan | undefined;
  return new Response();
});
forLambda(listed, { tags: ["one"] }, async (event: APIGatewayProxyEventV2, key) => ({
  statusCode: 200,
  body: key.keyId + event.rawPath,
})) satisfies (event: APIGatewayProxyEventV2, context: unknown) => Promise<APIGatewayProxyResultV2>;
export const worker = {
  fetch: forWorkers(
    (_request: Request, env: { LATCHKEY_ROOT_KEY: string }) =>
      new Latchkey({ rootKey: env.LATCHKEY_ROOT_KEY }),
    {},
    (request) => Response.json(request.verifiedKey.keyId),
  ),
};
export const koaApp = new Koa().use(forKoa(latchkey)).use((context) => {
  context.body = context.path;
});
const elysiaKey = forElysia(latchkey);
export const elysiaApp = new Elysia().get(
  "/documents/:id",
  ({ params, request }) => params.id + elysiaKey.keyOf(request).identity?.meta.plan,
  { beforeHandle: elysiaKey },
);
const nestGuard = new KeyGuard(latchkey, { onUnavailable: "allow" });
nestGuard satisfies CanActivate;
// @ts-expect-error with "allow", the key is undefined while the server is unavailable
nestGuard.keyOf({}).identity;
const separate = new Hono();
separate.use(
  "/documents/*",
  forHono((context) => new Latchkey({ rootKey: context.req.path })),
);
separate.get("/documents/:id", (context) => context.text(context.var.verifiedKey?.keyId ?? ""));

/** `withPermission` inside `withKey` keeps the types of the handler. */
export const POST = withKey(
  latchkey,
  {},
  withPermission(
    "documents.write",
    async (request: Request, { params }: { params: Promise<{ id: string }> }) =>
      Response.json((await params).id + request.url),
  ),
);
forLambda(
  latchkey,
  { credits: { reserve: 9, ttl: 1000 } },
  permitLambda("documents.write", async (event: APIGatewayProxyEventV2, key) => {
    const used: number = await settleAfter(latchkey, key, (use) => {
      use(7);
      return 7;
    });
    return { statusCode: 200, body: `${event.rawPath} ${used}` };
  }),
);
new Hono().get("/documents", forHono(latchkey), permitHono("documents.write"), (context) =>
  context.text(String(hasPermission(context.var.verifiedKey, "documents.read"))),
);
express().post("/documents/:id", key, permitExpress("documents.write"), (request, response) => {
  response.send(request.params.id);
});
fastify().post("/documents", { onRequest: [hook, permitFastify("documents.write")] }, async () => "written");
new Koa().use(forKoa(latchkey)).use(permitKoa("documents.write"));
new Elysia().post("/documents/:id", ({ params }) => params.id, {
  beforeHandle: [elysiaKey, permitElysia("documents.write")],
});

// @ts-expect-error "ignore" is not a value of `onUnavailable`
forHono(latchkey, { onUnavailable: "ignore" });
