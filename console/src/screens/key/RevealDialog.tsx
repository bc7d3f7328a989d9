import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { call } from "../../data/api.ts";
import { NoticeDialog, SecretDialog } from "../../parts/Dialog.tsx";
import { Loading } from "../../parts/Page.tsx";
import { Problem } from "../../parts/Problem.tsx";

/**
 * The dialog that shows the whole key if it was created as recoverable. The cache of responses does not keep the key.
 */
export function RevealDialog({ keyId, onClose }: { keyId: string; onClose(): void }) {
  const { mutate, data, error } = useMutation({
    gcTime: 0,
    mutationFn: () => call("keys.getKey", { keyId, decrypt: true }),
  });
  useEffect(() => mutate(), [mutate]);
  const secret = data?.data.plaintext;
  if (secret !== undefined) return <SecretDialog secret={secret} onClose={onClose} isKept />;
  return (
    <NoticeDialog title="Reveal the key" onClose={onClose}>
      {data === undefined && error === null ? <Loading what="the key" /> : <Problem error={error} />}
      {data === undefined ? null : (
        <p>This key was not created as recoverable, so the server stores only its hash and cannot show it.</p>
      )}
    </NoticeDialog>
  );
}
