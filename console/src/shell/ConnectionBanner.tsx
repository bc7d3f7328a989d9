import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ConnectionLost } from "../data/errors.ts";

/** Says that the server cannot be reached: once, even if several calls fail. Meanwhile the calls are retried. */
export function ConnectionBanner() {
  const client = useQueryClient();
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    const cache = client.getQueryCache();
    return cache.subscribe(() => {
      const states = cache.getAll().filter((query) => query.isActive());
      setLost(states.some(({ state }) => state.fetchFailureReason instanceof ConnectionLost));
    });
  }, [client]);
  return (
    <div role="status">
      {isLost ? <p className="banner">The server cannot be reached. Retrying…</p> : null}
    </div>
  );
}
