import { useState } from "react";
import { Icon } from "./Icon.tsx";

/** `what` says what is copied, such as `key id`. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [state, setState] = useState<"ready" | "copied" | "refused">("ready");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
    } catch {
      setState("refused"); // on plain HTTP the browser has no clipboard
    }
    setTimeout(() => setState("ready"), 2_000);
  };
  const label = { ready: `Copy ${what}`, copied: "Copied", refused: "Select and copy it by hand" }[state];
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
