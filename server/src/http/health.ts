import type { Engine } from "../storage/engine.ts";

/** The liveness response of the API: says that this process runs. Checks neither the database nor anything else. */
export function liveness(requestId: string): Response {
  return Response.json({ meta: { requestId }, data: { message: "Latchkey is alive." } });
}

/**
 * Returns a function that responds to readiness checks: with 200 if requests may be sent to this node, that is, if the
 * database responds and the server is not about to stop. At most one check of the database runs at a time. Readiness
 * checks that come during it share its result.
 */
export function readiness(engine: Engine, isDraining: () => boolean): () => Promise<Response> {
  let checking: Promise<void> | undefined;
  return async () => {
    if (isDraining()) return Response.json({ status: "shutting down" }, { status: 503 });
    checking ??= engine.check().finally(() => {
      checking = undefined;
    });
    try {
      await checking;
      return Response.json({ status: "ok" });
    } catch {
      return Response.json({ status: "the database cannot be reached" }, { status: 503 });
    }
  };
}
