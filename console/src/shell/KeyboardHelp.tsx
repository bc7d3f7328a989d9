import { NoticeDialog } from "../parts/Dialog.tsx";
import { Fact, Facts } from "../parts/Page.tsx";
import { places } from "./places.ts";

export function KeyboardHelp({ onClose }: { onClose(): void }) {
  const facts = [
    ["/ or Ctrl K", "Find a key, an identity, or anything by its id"],
    ["j and k", "Next and previous row"],
    ["Enter", "Open the row"],
    ["Escape", "Close a dialog"],
    ...places.flat().map(({ key, label }) => [`g ${key}`, label] as const),
  ] as const;
  return (
    <NoticeDialog title="Keyboard" onClose={onClose}>
      <Facts>
        {facts.map(([key, what]) => (
          <Fact key={key} name={key}>
            {what}
          </Fact>
        ))}
      </Facts>
    </NoticeDialog>
  );
}
