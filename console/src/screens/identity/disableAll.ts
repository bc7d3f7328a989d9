import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../../data/api.ts";

/** Disables keys one after the other. Disabling a key again has no effect, so that it can be repeated after an error. */
export function useDisableAll(onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (keyIds: readonly string[]) => {
      for (const keyId of keyIds) await call("keys.updateKey", { keyId, enabled: false });
    },
    onSuccess: onDone,
    onSettled: () => client.invalidateQueries(),
  });
}
