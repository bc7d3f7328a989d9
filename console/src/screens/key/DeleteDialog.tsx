import { useNavigate } from "@tanstack/react-router";
import type { Data } from "../../data/api.ts";
import { ConfirmDialog } from "../../parts/ConfirmDialog.tsx";

export function DeleteDialog({ value: key, onClose }: { value: Data<"keys.getKey">; onClose(): void }) {
  const navigate = useNavigate();
  return (
    <ConfirmDialog
      title="Delete this key?"
      onClose={onClose}
      submit="Delete"
      name={key.name?.trim() || key.start || key.keyId}
      operation="keys.deleteKey"
      input={{ keyId: key.keyId }}
      onDone={() => void navigate({ to: "/keys" })}
    >
      <p>
        Requests that use this key will be refused. You cannot undo this. To stop the key only for a while,
        disable it instead.
      </p>
    </ConfirmDialog>
  );
}
