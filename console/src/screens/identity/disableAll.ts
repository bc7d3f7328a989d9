import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../../data/api.ts";

/**
 * Disables all keys of an identity, one after the other. If some cannot be disabled, the others are, and the error is that
 * of the first. The user can then start over: disabled keys simply stay disabled.
 */
export function useDisableAll(identity: string, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const failures: Error[] = [];
      let cursor: string | undefined;
      do {
        const page = await call("keys.listKeys", { identity, enabled: true, limit: 100, cursor });
        for (const { keyId } of page.data) {
          await call("keys.updateKey", { keyId, enabled: false }).catch((error: Error) =>
            failures.push(error),
          );
        }
        cursor = page.pagination?.cursor;
      } while (cursor !== undefined);
      const [first] = failures;
      if (first !== undefined) throw first;
    },
    onSuccess: onDone,
    onSettled: () => client.invalidateQueries(),
  });
}
