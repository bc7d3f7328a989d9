/** A screen in the navigation. Pressing `g` and then `key` opens it, too. */
export type Place = { to: string; label: string; key: string };

export const places: readonly (readonly Place[])[] = [
  [
    { to: "/", label: "Overview", key: "o" },
    { to: "/live", label: "Live", key: "l" },
    { to: "/why", label: "Why refused?", key: "w" },
  ],
  [
    { to: "/keys", label: "Keys", key: "k" },
    { to: "/identities", label: "Identities", key: "i" },
    { to: "/apis", label: "APIs", key: "a" },
    { to: "/roles", label: "Roles", key: "r" },
    { to: "/limits", label: "Rate limits", key: "n" },
  ],
  [
    { to: "/audit", label: "Audit", key: "t" },
    { to: "/root-keys", label: "Root keys", key: "x" },
    { to: "/server", label: "Server", key: "s" },
  ],
];
