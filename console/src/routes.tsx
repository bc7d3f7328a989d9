import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from "@tanstack/react-router";
import type { Filters } from "./data/filters.ts";
import { Problem } from "./parts/Problem.tsx";
import { Shell } from "./shell/Shell.tsx";

const root = createRootRouteWithContext<{ onSignedOut(): void }>()({
  component: Shell,
  validateSearch: (search): Filters => search as Filters,
});
const at = { getParentRoute: () => root };

/** One row for each screen. The script of a screen is loaded when the user first opens it. */
const screens = [
  createRoute({
    ...at,
    path: "/",
    component: lazyRouteComponent(() => import("./screens/overview/Overview.tsx"), "Overview"),
  }),
  createRoute({
    ...at,
    path: "/live",
    component: lazyRouteComponent(() => import("./screens/live/Live.tsx"), "Live"),
  }),
  createRoute({
    ...at,
    path: "/why",
    component: lazyRouteComponent(() => import("./screens/why/Why.tsx"), "Why"),
  }),
  createRoute({
    ...at,
    path: "/keys",
    component: lazyRouteComponent(() => import("./screens/keys/Keys.tsx"), "Keys"),
  }),
  createRoute({
    ...at,
    path: "/keys/$keyId",
    component: lazyRouteComponent(() => import("./screens/key/Key.tsx"), "Key"),
  }),
  createRoute({
    ...at,
    path: "/identities",
    component: lazyRouteComponent(() => import("./screens/identities/Identities.tsx"), "Identities"),
  }),
  createRoute({
    ...at,
    path: "/identities/$identity",
    component: lazyRouteComponent(() => import("./screens/identity/Identity.tsx"), "Identity"),
  }),
  createRoute({
    ...at,
    path: "/apis",
    component: lazyRouteComponent(() => import("./screens/apis/Apis.tsx"), "Apis"),
  }),
  createRoute({
    ...at,
    path: "/roles",
    component: lazyRouteComponent(() => import("./screens/roles/Roles.tsx"), "Roles"),
  }),
  createRoute({
    ...at,
    path: "/limits",
    component: lazyRouteComponent(() => import("./screens/limits/Limits.tsx"), "Limits"),
  }),
  createRoute({
    ...at,
    path: "/limits/$namespace",
    component: lazyRouteComponent(() => import("./screens/limits/Namespace.tsx"), "Namespace"),
  }),
  createRoute({
    ...at,
    path: "/root-keys",
    component: lazyRouteComponent(() => import("./screens/rootKeys/RootKeys.tsx"), "RootKeys"),
  }),
  createRoute({
    ...at,
    path: "/audit",
    component: lazyRouteComponent(() => import("./screens/audit/Audit.tsx"), "Audit"),
  }),
  createRoute({
    ...at,
    path: "/server",
    component: lazyRouteComponent(() => import("./screens/server/Server.tsx"), "Server"),
  }),
];

export const router = createRouter({
  routeTree: root.addChildren(screens),
  basepath: "/console",
  context: { onSignedOut: () => {} },
  defaultPreload: "intent",
  // otherwise a dialog that is open on the page of one record would act on the record of the next page
  defaultRemountDeps: ({ params }) => params,
  scrollRestoration: true,
  defaultErrorComponent: ({ error }) => <Problem error={error} />,
  defaultNotFoundComponent: () => <p>The console has no page at this address.</p>,
  // by default, the router writes filters into the URL as JSON; ours are plain text, which is easier to read
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(search as Record<string, string>).toString();
    return text === "" ? "" : `?${text}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
