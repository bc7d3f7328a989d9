import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { kindOf } from "../../data/kinds.ts";
import { FoundText } from "./FoundText.tsx";
import { pathOfId } from "./ids.ts";
import { SecretLookup } from "./SecretLookup.tsx";

/** `asText`: the user has said that the text is not a secret, although it looks like one */
type State = { secret?: string; isRootKey?: boolean; asText?: boolean };

/** The field for what to find. It is cleared as soon as it contains a secret; only the secret's hash is sent. */
export function FindBox({ onDone }: { onDone(): void }) {
  const [text, setText] = useState("");
  const [state, setState] = useState<State>({});
  const navigate = useNavigate();

  function take(next: string): void {
    const trimmed = next.trim();
    const pasted = kindOf(trimmed);
    const path = pasted.kind === "id" ? pathOfId(pasted.prefix, pasted.id) : undefined;
    if (path !== undefined) {
      onDone();
      return void navigate(path);
    }
    const isSecret = pasted.kind === "secret" || pasted.kind === "rootKey";
    setText(isSecret ? "" : next);
    setState(pasted.kind === "rootKey" ? { isRootKey: true } : isSecret ? { secret: trimmed } : {});
  }

  return (
    <>
      <div className="find-box">
        <label className="visually-hidden" htmlFor="find">
          Find
        </label>
        <input
          id="find"
          className="input"
          type="search"
          dir="auto"
          autoComplete="off"
          spellCheck={false}
          placeholder="Paste a key or an id, or type a name"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onPaste={(event) => {
            event.preventDefault(); // keeps the secret out of the field
            take(event.clipboardData.getData("text"));
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") take(text);
          }}
        />
      </div>
      <div className="results" aria-live="polite">
        <FindResults
          text={text.trim()}
          state={state}
          onDone={onDone}
          onText={(found) => {
            setText(found);
            setState({ asText: true });
          }}
        />
      </div>
    </>
  );
}

type ResultsProps = { text: string; state: State; onDone(): void; onText(text: string): void };

function FindResults({ text, state, onDone, onText }: ResultsProps) {
  if (state.isRootKey === true) {
    return (
      <p className="note warn">
        <strong>This is a root key</strong> It was not sent anywhere. Root keys are on a screen of their own.
      </p>
    );
  }
  if (state.secret !== undefined) {
    return <SecretLookup key={state.secret} secret={state.secret} onDone={onDone} onText={onText} />;
  }
  const isSafe = text.length >= 2 && (state.asText === true || kindOf(text).kind === "text");
  if (isSafe) return <FoundText text={text} onDone={onDone} />;
  return (
    <p className="soft small find-hint">
      A pasted key is hashed in this browser and never sent. If you type a key, press Enter at the end.
    </p>
  );
}
