import { Dialog } from "@base-ui/react/dialog";
import { FindBox } from "./FindBox.tsx";

/** The dialog that finds a key by its secret, which stays in the browser, or any record by its id or name. */
export function Find({ onClose }: { onClose(): void }) {
  return (
    <Dialog.Root open onOpenChange={(next) => (next ? undefined : onClose())}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog find">
          <Dialog.Title className="visually-hidden">Find</Dialog.Title>
          <FindBox onDone={onClose} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
