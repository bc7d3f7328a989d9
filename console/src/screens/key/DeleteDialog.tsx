import { useNavigate } from "@tanstack/react-router";
import type { Data } from "../../data/api.ts";
import { useChange } from "../../data/queries.ts";
import { ConfirmDialog } from "../../parts/Dialog.tsx";

export function DeleteDialog({ value: key, onClose }: { value: Data<"keys.getKey">; onClose(): void }) {
  const navigate = useNavigate();
  const remove = useChange("keys.deleteKey", () => void navigate({ to: "/keys" }));
  return (
    <ConfirmDialog
      title="Delete this key?"
      open
      onClose={onClose}
      submit="Delete"
      name={key.name ?? key.start}
      busy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate({ keyId: key.keyId })}
    >
      <p>
        Requests that use this key will be refused. You cannot undo this. To stop the key only for a while,
        disable it instead.
      </p>
    </ConfirmDialog>
  );
}
