import { Elysia } from "elysia";
import { Hono } from "hono";
import { requireKey as forElysia, requirePermission as permitElysia } from "../src/elysia.ts";
import { requireKey as forHono, requirePermission as permitHono } from "../src/hono.ts";
import { guard, type Latchkey, type Pass, type VerifiedKey } from "../src/index.ts";
import { withKey as forNextRoute, withPermission as permitNext } from "../src/next.ts";
import { withKey as forWorkers, withPermission as permitWorkers } from "../src/workers.ts";
import { type Count, type Frame, lastOf, type More, type Options, same, serveWeb } from "./serving.ts";

/** One check for each guard. `permission` adds a last check, because `guard` comes without a `requirePermission`. */
export function checksOf(latchkey: Latchkey, options: Options, { later = [], permission }: More) {
  const further: Options[] = permission === undefined ? [] : [{ permissions: permission }];
  return [options, ...later, ...further].map((one) => guard(latchkey, one));
}

type Keyed = Request & { verifiedKey?: VerifiedKey | undefined };
type Handler<Incoming extends Request> = (request: Incoming, env: unknown) => Response | Promise<Response>;

function reading(count: Count, work: More["work"]): Handler<Keyed> {
  return async (request) => {
    count.reached += 1;
    await work?.(request.verifiedKey);
    return Response.json({ key: request.verifiedKey ?? null });
  };
}

export const webFrames: Frame[] = [
  {
    name: "a web Request",
    address: "unknown",
    async serve(latchkey, options, more = {}) {
      const count = { reached: 0 };
      const checks = checksOf(latchkey, options, more);
      return serveWeb(async (request) => {
        let passed: Partial<Pass<VerifiedKey | undefined>> = {};
        for (const check of checks) {
          const verdict = await check(request);
          if (!verdict.passed) return verdict.response;
          passed = verdict;
        }
        count.reached += 1;
        await more.work?.(passed.key);
        return Response.json({ key: passed.key ?? null }, { headers: passed.headers ?? {} });
      }, count);
    },
  },
  {
    name: "Hono",
    address: "connection",
    async serve(latchkey, options, { later = [], permission, work } = {}) {
      const count = { reached: 0 };
      const keys = [options, ...later].map((one) => forHono(() => latchkey, one));
      const app = new Hono();
      for (const key of keys) app.use("/guarded", key as ReturnType<typeof permitHono>);
      if (permission !== undefined) app.use("/guarded", permitHono(permission));
      app.get("/guarded", async (context) => {
        count.reached += 1;
        await work?.(context.var.verifiedKey);
        same(context.var.verifiedKey, lastOf(keys).keyOf(context as never));
        return new Response(JSON.stringify({ key: context.var.verifiedKey ?? null }));
      });
      return serveWeb(app.fetch, count);
    },
  },
  {
    name: "Elysia",
    address: "connection",
    async serve(latchkey, options, { later = [], permission, work } = {}) {
      const count = { reached: 0 };
      const keys = [options, ...later].map((one) => forElysia(latchkey, one));
      const further = permission === undefined ? [] : [permitElysia(permission)];
      const app = new Elysia()
        .get(
          "/guarded",
          async ({ request }) => {
            count.reached += 1;
            await work?.(lastOf(keys).keyOf(request));
            return { key: lastOf(keys).keyOf(request) ?? null };
          },
          { beforeHandle: [...keys, ...further] },
        )
        .listen({ port: 0, hostname: "127.0.0.1" });
      return {
        url: `http://127.0.0.1:${app.server?.port}/guarded`,
        reached: () => count.reached,
        async stop() {
          await app.stop(true);
        },
      };
    },
  },
  {
    name: "a Next.js route handler",
    address: "unknown",
    async serve(latchkey, options, { later = [], permission, work } = {}) {
      const count = { reached: 0 };
      const read = reading(count, work);
      const inner = permission === undefined ? read : permitNext(permission, read);
      const handler = [options, ...later].reduceRight<Handler<Request>>(
        (wrapped, one) => forNextRoute(latchkey, one, wrapped),
        inner as Handler<Request>,
      );
      return serveWeb((request) => handler(request, undefined), count);
    },
  },
  {
    name: "a Worker",
    address: "platform",
    async serve(latchkey, options, { later = [], permission, work } = {}) {
      const count = { reached: 0 };
      const read = reading(count, work);
      const inner = permission === undefined ? read : permitWorkers(permission, read);
      const handler = [options, ...later].reduceRight<Handler<Request>>(
        (wrapped, one) =>
          forWorkers((_: Request, env: unknown) => (env as { latchkey: Latchkey }).latchkey, one, wrapped),
        inner as Handler<Request>,
      );
      return serveWeb((request) => handler(request, { latchkey }), count);
    },
  },
];
