import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../../data/api.ts";
import { ApiError, isSessionMissing } from "../../data/errors.ts";

/**
 * Disables all keys of an identity, one after the other. If the server refuses to disable some keys, all others are
 * still disabled, and the error says how many were not. The user can then start over: disabled keys simply stay
 * disabled.
 */
export function useDisableAll(identity: string, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const refusals: ApiError[] = [];
      let disabled = 0;
      let cursor: string | undefined;
      do {
        const page = await call("keys.listKeys", { identity, enabled: true, limit: 100, cursor });
        for (const { keyId } of page.data) {
          const refusal = await refusalToDisable(keyId);
          if (refusal === undefined) disabled += 1;
          else refusals.push(refusal);
        }
        cursor = page.pagination?.cursor;
      } while (cursor !== undefined);
      const [first] = refusals;
      if (first !== undefined) {
        throw new Error(`Keys disabled: ${disabled}, not disabled: ${refusals.length}. ${first.message}`);
      }
    },
    onSuccess: onDone,
    onSettled: () => client.invalidateQueries(),
  });
}

/**
 * Disables a key. Returns the error if the server refuses to disable this key. Throws errors that all other keys would
 * get, too, such as a lost connection.
 */
function refusalToDisable(keyId: string): Promise<ApiError | undefined> {
  return call("keys.updateKey", { keyId, enabled: false }).then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof ApiError) || isSessionMissing(error)) throw error;
      return error;
    },
  );
}
