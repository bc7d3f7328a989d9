import type { Engine } from "../storage/engine.ts";

/** The documented liveness answer: this process runs; nothing it depends on is asked. */
export function liveness(requestId: string): Response {
  return Response.json({ meta: { requestId }, data: { message: "Latchkey is alive." } });
}

/** 200 where requests may be sent here: the database answers, and the server is not about to stop. */
export async function readiness(draining: boolean, engine: Engine): Promise<Response> {
  if (draining) return Response.json({ status: "shutting down" }, { status: 503 });
  try {
    await engine.check();
    return Response.json({ status: "ok" });
  } catch {
    return Response.json({ status: "the database cannot be reached" }, { status: 503 });
  }
}
