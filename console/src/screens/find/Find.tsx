import { Dialog } from "@base-ui/react/dialog";
import { useEffect, useState } from "react";
import { FindBox } from "./FindBox.tsx";

/** The dialog that finds a key by its secret, which stays in the browser, or any record by its id or name. */
export function Find({ open, onClose }: { open: boolean; onClose(): void }) {
  const [opened, setOpened] = useState(0);
  useEffect(() => {
    if (open) setOpened((count) => count + 1); // the new `key` of FindBox empties its field
  }, [open]);
  return (
    <Dialog.Root open={open} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog find">
          <Dialog.Title className="visually-hidden">Find</Dialog.Title>
          <FindBox key={opened} onDone={onClose} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
