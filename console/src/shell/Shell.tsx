import { Link, Outlet, useLocation, useRouteContext } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { signOut, useSession } from "../data/session.ts";
import { Find } from "../screens/find/Find.tsx";
import { Brand } from "./Brand.tsx";
import { KeyboardHelp } from "./KeyboardHelp.tsx";
import { useKeyboard } from "./keyboard.ts";
import { places } from "./places.ts";

export function Shell() {
  const [open, setOpen] = useState<"find" | "help" | "menu">();
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  useKeyboard({ find: () => setOpen("find"), help: () => setOpen("help") });

  const visited = useRef(pathname);
  useEffect(() => {
    if (visited.current === pathname) return;
    visited.current = pathname;
    setOpen(undefined);
    main.current?.focus(); // so that screen readers begin to read the new page
  }, [pathname]);

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="side" data-open={open === "menu" ? "" : undefined}>
        <Link to="/" className="brand">
          <Brand />
          Latchkey
        </Link>
        <button type="button" className="button find-button" onClick={() => setOpen("find")}>
          Find <kbd>Ctrl K</kbd>
        </button>
        <button
          type="button"
          className="button menu-button"
          aria-expanded={open === "menu"}
          onClick={() => setOpen(open === "menu" ? undefined : "menu")}
        >
          Menu
        </button>
        <Navigation />
        <Who onHelp={() => setOpen("help")} />
      </header>
      <main id="main" className="main" tabIndex={-1} ref={main}>
        <Outlet />
      </main>
      {open === "find" ? <Find onClose={() => setOpen(undefined)} /> : null}
      {open === "help" ? <KeyboardHelp onClose={() => setOpen(undefined)} /> : null}
    </div>
  );
}

function Navigation() {
  return (
    <nav className="nav" aria-label="Screens">
      {places.map((group) => (
        <ul key={group[0]?.to}>
          {group.map(({ to, label }) => (
            <li key={to}>
              <Link to={to} activeOptions={{ exact: to === "/", includeSearch: false }}>
                {label}
              </Link>
            </li>
          ))}
        </ul>
      ))}
    </nav>
  );
}

function Who({ onHelp }: { onHelp(): void }) {
  const { workspace, rootKeyId } = useSession();
  const { onSignedOut } = useRouteContext({ from: "__root__" });
  const leave = () => void signOut().then(onSignedOut, onSignedOut);
  return (
    <div className="who">
      <strong dir="auto">{workspace.name}</strong>
      <span className="id">
        <span title={rootKeyId}>{rootKeyId}</span>
      </span>
      <div className="row">
        <button type="button" className="button small" onClick={leave}>
          Sign out
        </button>
        <button type="button" className="button small quiet" onClick={onHelp}>
          Shortcuts <kbd>?</kbd>
        </button>
      </div>
    </div>
  );
}
