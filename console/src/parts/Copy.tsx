import { useState } from "react";
import { Icon } from "./Icon.tsx";

/** A button that copies `text`. Its label says what the text is: `Copy key id` if `what` is `key id`. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [state, setState] = useState<"ready" | "copied" | "refused">("ready");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
    } catch {
      setState("refused"); // browsers refuse the clipboard to pages over HTTP, except on localhost
    }
    setTimeout(() => setState("ready"), 2_000);
  };
  const label = {
    ready: `Copy ${what}`,
    copied: "Copied",
    refused: "Not copied: select the text and copy it",
  }[state];
  return (
    <button type="button" className="copy" onClick={() => void copy()} title={label} aria-label={label}>
      <Icon name={{ ready: "copy", copied: "check", refused: "cross" }[state] as "copy"} />
    </button>
  );
}

export function Id({ id, what = "id", children }: { id: string; what?: string; children?: React.ReactNode }) {
  return (
    <span className="id">
      {children ?? <span title={id}>{id}</span>}
      <Copy text={id} what={what} />
    </span>
  );
}
