import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { type Session, signIn } from "../../data/session.ts";
import { Button } from "../../parts/Button.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { TextField } from "../../parts/fields.tsx";
import { Problem } from "../../parts/Problem.tsx";
import { Brand } from "../../shell/Brand.tsx";

type Props = { onSignedIn(session: Session): void };

export function SignIn({ onSignedIn, problem }: Props & { problem: unknown }) {
  return (
    <main className="sign-in">
      <title>Sign in - Latchkey</title>
      <h1 className="brand">
        <Brand />
        Latchkey
      </h1>
      <Problem error={problem} />
      <SignInForm onSignedIn={onSignedIn} />
      <p className="soft small">
        The root key is sent once, in the body of a request, and this browser does not keep it. When the
        server starts on a terminal, it also prints a link that signs you in without a root key.
      </p>
    </main>
  );
}

/** A dialog over the page for signing in again. The page below keeps what was typed. */
export function SignInAgain({ onSignedIn, onLeave }: Props & { onLeave(): void }) {
  return (
    <Dialog title="The session has ended" onClose={onLeave} dismissible={false}>
      <p className="soft">Sign in again to continue. What you typed is still there.</p>
      <SignInForm onSignedIn={onSignedIn} />
      <Button onClick={onLeave}>Leave</Button>
    </Dialog>
  );
}

function SignInForm({ onSignedIn }: Props) {
  const [rootKey, setRootKey] = useState("");
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  async function submit(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      onSignedIn(await signIn({ rootKey: rootKey.trim() }));
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }

  return (
    <form
      className="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void submit();
      }}
    >
      <TextField
        label="Root key"
        kind="password"
        value={rootKey}
        onChange={setRootKey}
        placeholder="latchkey_root_…"
        autoComplete="current-password"
        error={flawAt(error, "rootKey")}
      />
      <Problem error={flawAt(error, "rootKey") === undefined ? error : undefined} />
      <button type="submit" className="button primary" aria-disabled={busy}>
        {busy ? "Signing in…" : "Sign in"}
      </button>
    </form>
  );
}
