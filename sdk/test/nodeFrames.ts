import "reflect-metadata";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Controller, Get, type INestApplication, Module, Req, type Type, UseGuards } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import express from "express";
// @ts-expect-error Express 4 has no types here, because they would conflict with those of Express 5
import express4 from "express4";
import fastify from "fastify";
import fastify4 from "fastify4";
import Koa from "koa";
import { requireKey as forExpress, requirePermission as permitExpress } from "../src/express.ts";
import { requireKey as forFastify, requirePermission as permitFastify } from "../src/fastify.ts";
import type { Latchkey, Pass, VerifiedKey } from "../src/index.ts";
import { requireKey as forKoa, requirePermission as permitKoa } from "../src/koa.ts";
import { withKey as forLambda, withPermission as permitLambda } from "../src/lambda.ts";
import { KeyGuard, PermissionGuard } from "../src/nest.ts";
import {
  type App,
  addressOf,
  type Frame,
  lastOf,
  type More,
  type Options,
  same,
  serveNode,
  serveWeb,
} from "./serving.ts";
import { checksOf } from "./webFrames.ts";

export const nodeFrames: Frame[] = [
  {
    name: "a plain node:http server",
    address: "unknown",
    async serve(latchkey, options, more = {}) {
      const count = { reached: 0 };
      const checks = checksOf(latchkey, options, more);
      const handle = async (request: IncomingMessage, response: ServerResponse) => {
        let passed: Partial<Pass<VerifiedKey | undefined>> = {};
        for (const check of checks) {
          const verdict = await check(request);
          if (!verdict.passed)
            return void response.writeHead(verdict.status, verdict.headers).end(verdict.body);
          passed = verdict;
        }
        count.reached += 1;
        await more.work?.(passed.key);
        response.writeHead(200, passed.headers).end(JSON.stringify({ key: passed.key ?? null }));
      };
      return serveNode((request, response) => void handle(request, response), count);
    },
  },
  ...[express, express4 as unknown as typeof express].map((create, index) => ({
    name: `Express ${5 - index}`,
    address: "proxies" as const,
    async serve(
      latchkey: Latchkey,
      options: Options,
      { later = [], permission, work, trustsProxy }: More = {},
    ) {
      const count = { reached: 0 };
      const app = create();
      if (trustsProxy === true) app.set("trust proxy", "loopback");
      const keys = [options, ...later].map((one) => forExpress(latchkey, one));
      const further = permission === undefined ? [] : [permitExpress(permission)];
      app.get(
        "/guarded",
        [...keys, ...further],
        async (request: express.Request, response: express.Response) => {
          count.reached += 1;
          await work?.(request.verifiedKey);
          same(request.verifiedKey, lastOf(keys).keyOf(request));
          response.json({ key: request.verifiedKey ?? null });
        },
      );
      return serveNode(app, count);
    },
  })),
  ...[fastify, fastify4 as unknown as typeof fastify].map((create, index) => ({
    name: `Fastify ${5 - index}`,
    address: "proxies" as const,
    async serve(
      latchkey: Latchkey,
      options: Options,
      { later = [], permission, work, trustsProxy }: More = {},
    ) {
      const count = { reached: 0 };
      const app = create({ forceCloseConnections: true, trustProxy: trustsProxy === true && "127.0.0.1" });
      const keys = [options, ...later].map((one) => forFastify(latchkey, one));
      const further = permission === undefined ? [] : [permitFastify(permission)];
      app.get("/guarded", { onRequest: [...keys, ...further] }, async (request) => {
        count.reached += 1;
        await work?.(request.verifiedKey);
        same(request.verifiedKey, lastOf(keys).keyOf(request));
        return { key: request.verifiedKey ?? null };
      });
      await app.listen({ port: 0, host: "127.0.0.1" });
      return { url: addressOf(app.server), reached: () => count.reached, stop: () => app.close() };
    },
  })),
  {
    name: "Koa",
    address: "proxies",
    async serve(latchkey, options, { later = [], permission, work, trustsProxy = false } = {}) {
      const count = { reached: 0 };
      const keys = [options, ...later].map((one) => forKoa(latchkey, one));
      const app = new Koa({ proxy: trustsProxy });
      for (const key of keys) app.use(key);
      if (permission !== undefined) app.use(permitKoa(permission));
      app.use(async (context) => {
        count.reached += 1;
        await work?.(lastOf(keys).keyOf(context));
        same(context.state["verifiedKey"], lastOf(keys).keyOf(context));
        context.body = { key: context.state["verifiedKey"] ?? null };
      });
      return serveNode((request, response) => void app.callback()(request, response), count);
    },
  },
  {
    name: "NestJS on Express",
    ownBodies: true,
    address: "proxies",
    serve: (latchkey, options, more = {}) =>
      serveNest(latchkey, options, more, async (module) => {
        const app = await NestFactory.create<NestExpressApplication>(module, { logger: false });
        if (more.trustsProxy === true) app.set("trust proxy", "loopback");
        return app;
      }),
  },
  {
    name: "NestJS on Fastify",
    ownBodies: true,
    address: "proxies",
    serve: (latchkey, options, more = {}) =>
      serveNest(latchkey, options, more, (module) => {
        const trustProxy = more.trustsProxy === true && "127.0.0.1";
        const adapter = new FastifyAdapter({ forceCloseConnections: true, trustProxy });
        return NestFactory.create(module, adapter, { logger: false });
      }),
  },
  {
    name: "AWS Lambda",
    address: "platform",
    async serve(latchkey, options, { later = [], permission, work } = {}) {
      const count = { reached: 0 };
      type Event = { headers: Record<string, string>; requestContext: unknown };
      type Handler = (event: Event, key: unknown, context: unknown) => unknown;
      const read: Handler = async (_event, key) => {
        count.reached += 1;
        await work?.(key as VerifiedKey | undefined);
        return { statusCode: 200, body: JSON.stringify({ key: key ?? null }) };
      };
      const inner = permission === undefined ? read : permitLambda(permission, read);
      const handler = [options, ...later].reduceRight<Handler>((wrapped, one) => {
        const guarded = forLambda(latchkey, one, wrapped);
        return (event, _key, context) => guarded(event, context);
      }, inner);
      return serveWeb(async ({ headers }) => {
        const requestContext = { http: { sourceIp: headers.get("x-source-ip") } };
        const event = { headers: Object.fromEntries(headers), requestContext };
        const { body, statusCode, ...more } = (await handler(event, undefined, undefined)) as {
          statusCode: number;
          headers?: Record<string, string>;
          body: string;
        };
        return new Response(body, { status: statusCode, headers: more.headers ?? {} });
      }, count);
    },
  },
];

/**
 * Applies Nest's decorators as functions, because the compiler settings of this repository do not allow
 * decorator syntax.
 */
async function serveNest(
  latchkey: Latchkey,
  options: Options,
  { later = [], permission, work }: More,
  create: (module: Type) => Promise<INestApplication>,
): Promise<App> {
  const count = { reached: 0 };
  const keys = [options, ...later].map((one) => new KeyGuard(latchkey, one));
  const further = permission === undefined ? [] : [new PermissionGuard(permission)];
  class Documents {
    async read(request: { verifiedKey?: VerifiedKey }) {
      count.reached += 1;
      await work?.(request.verifiedKey);
      same(request.verifiedKey, lastOf(keys).keyOf(request));
      return { key: request.verifiedKey ?? null };
    }
  }
  const read = Object.getOwnPropertyDescriptor(Documents.prototype, "read");
  if (read === undefined) throw new Error("the class Documents has no method `read`");
  Get("guarded")(Documents.prototype, "read", read);
  UseGuards(...keys, ...further)(Documents.prototype, "read", read);
  Req()(Documents.prototype, "read", 0);
  Controller()(Documents);
  class Application {}
  Module({ controllers: [Documents] })(Application);
  const app = await create(Application);
  await app.listen(0, "127.0.0.1");
  return {
    url: addressOf(app.getHttpServer()),
    reached: () => count.reached,
    async stop() {
      app.getHttpServer().closeAllConnections?.();
      await app.close();
    },
  };
}
