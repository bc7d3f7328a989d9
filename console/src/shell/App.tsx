import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { isSessionMissing } from "../data/errors.ts";
import { newQueryClient } from "../data/queries.ts";
import { findSession, type Session, SessionContext, signIn } from "../data/session.ts";
import { router } from "../routes.tsx";
import { SignIn, SignInAgain } from "../screens/signIn/SignIn.tsx";
import { ConnectionBanner } from "./ConnectionBanner.tsx";

/**
 * Shows the console if there is a session, otherwise the sign-in page. If a session ends, the page and what was typed
 * stay, below a dialog for signing in again.
 */
export function App() {
  const [session, setSession] = useState<Session>();
  const [problem, setProblem] = useState<unknown>();
  const [isAsked, setAsked] = useState(false);
  const [hasEnded, setEnded] = useState(false);
  const [client] = useState(() => newQueryClient(() => setEnded(true)));

  useEffect(() => {
    firstSession()
      .then(setSession)
      .catch((error: unknown) => setProblem(isSessionMissing(error) ? undefined : error))
      .finally(() => setAsked(true));
  }, []);

  function begin(next: Session): void {
    const isSame = session?.rootKeyId === next.rootKeyId;
    if (!isSame) client.clear();
    setSession(next);
    setEnded(false);
    if (isSame) void client.invalidateQueries();
  }

  function end(): void {
    client.clear();
    setSession(undefined);
    setProblem(undefined);
  }

  if (!isAsked) return null;
  if (session === undefined) return <SignIn onSignedIn={begin} problem={problem} />;
  return (
    <QueryClientProvider client={client}>
      <SessionContext value={session}>
        <RouterProvider router={router} context={{ onSignedOut: end }} />
        <ConnectionBanner />
        {hasEnded ? <SignInAgain onSignedIn={begin} onLeave={end} /> : null}
      </SessionContext>
    </QueryClientProvider>
  );
}

let asked: Promise<Session> | undefined;

/**
 * Finds or creates the session, only at the first call. React runs effects twice in development, but the login link
 * works only once.
 */
function firstSession(): Promise<Session> {
  asked ??= ask();
  return asked;
}

function ask(): Promise<Session> {
  const loginToken = /^#login=([\w-]+)$/.exec(location.hash)?.[1];
  if (loginToken === undefined) return findSession();
  history.replaceState(null, "", location.pathname); // removes the token from the URL, because it is a secret
  return signIn({ loginToken });
}
