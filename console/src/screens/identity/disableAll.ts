import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "../../data/api.ts";

/** Disables keys one after the other. After an error, the user can start over: disabled keys simply stay disabled. */
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
