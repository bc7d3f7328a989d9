/** The quickstarts: for each, the parts of its page that no other page has. The applications are in `examples/`. */

export type Quickstart = {
  /** the name of the page, and of the folder in `examples/` */
  name: string;
  title: string;
  /** completes "You need …" */
  needs: string;
  /** commands that install packages; empty if the application has none */
  install: readonly string[];
  /** the command that starts the application, which listens on port 3000; undefined if it does not listen */
  start?: string;
  /** the file with the settings of the application. Default: .env */
  env?: string;
  /** a command that sends a request, with a key or without, and prints the body and the status. Default: curl */
  request?(key?: string): string;
  /** the body that the application returns for a user. Default: as most frameworks write it, JSON without spaces */
  passed?(user: string): string;
  /** paragraphs that the page shows after the code */
  notes?: readonly string[];
  usesSdk: boolean;
};

const node = "Node 20 or later";
const aboutTsx =
  "`tsx` runs TypeScript on Node. Ignore npm's warning about the install script of esbuild: `tsx` works without it.";
function aboutEngines(dependency: string): string {
  return `On Node 20, npm may also warn (\`EBADENGINE\`) that \`${dependency}\`, a package of the framework, requires a newer Node. You can ignore that: the tests run this application on Node 20.`;
}

const newProject = "npm init -y && npm pkg set type=module";

const python = "Python 3.10 or later";
const newEnvironment = "python3 -m venv .venv";
const aboutUnkeyPy = "`unkey.py` is the official client of Unkey's API.";

type OnNode = Pick<Quickstart, "name" | "title" | "notes"> & {
  packages: string;
  /** development dependencies in addition to tsx */
  devPackages?: string;
  file?: string;
};

/** A quickstart of a framework whose application runs on Node with tsx. */
function onNode({ packages, devPackages = "", file = "app.ts", notes = [], ...one }: OnNode): Quickstart {
  return {
    ...one,
    needs: node,
    install: [
      newProject,
      `npm install ${packages} @latchkey/sdk`,
      `npm install --save-dev tsx ${devPackages}`.trimEnd(),
    ],
    start: `npx tsx --env-file=.env ${file}`,
    notes: [aboutTsx, ...notes],
    usesSdk: true,
  };
}

export const quickstarts: readonly Quickstart[] = [
  onNode({ name: "hono", title: "Hono", packages: "hono @hono/node-server" }),
  onNode({ name: "express", title: "Express", packages: "express" }),
  onNode({ name: "fastify", title: "Fastify", packages: "fastify", notes: [aboutEngines("cookie")] }),
  {
    name: "nextjs",
    title: "Next.js",
    needs: node,
    install: [newProject, "npm install next react react-dom @latchkey/sdk"],
    start: "npx next dev",
    notes: [
      "Next.js reads `.env` without an option. To guard many routes at once, use `requireKey` of `@latchkey/sdk/next` in `proxy.ts`.",
    ],
    usesSdk: true,
  },
  onNode({
    name: "nestjs",
    title: "NestJS",
    packages: "@nestjs/common @nestjs/core @nestjs/platform-express reflect-metadata rxjs",
    devPackages: "@types/node",
    file: "main.ts",
    notes: [
      aboutEngines("file-type"),
      "In a project of `nest new`, `nest start --env-file .env` starts the application with the file of settings.",
    ],
  }),
  {
    name: "elysia",
    title: "Elysia",
    needs: "Bun 1.3.14 or later",
    install: ["bun init -m -y", "bun add elysia @latchkey/sdk"],
    start: "bun app.ts",
    notes: ["Bun reads `.env` without an option."],
    usesSdk: true,
  },
  {
    name: "workers",
    title: "Cloudflare Workers",
    needs: node,
    install: [newProject, "npm install @latchkey/sdk", "npm install --save-dev wrangler"],
    start: "npx wrangler dev --port 3000",
    env: ".dev.vars",
    notes: [
      "`wrangler dev` reads `.dev.vars`. Before you deploy, set both values with `npx wrangler secret put`; the server then needs an address that Cloudflare can reach.",
    ],
    usesSdk: true,
  },
  {
    name: "lambda",
    title: "AWS Lambda",
    needs: node,
    install: [newProject, "npm install @latchkey/sdk", "npm install --save-dev tsx"],
    request: (key) => `npx tsx --env-file=.env invoke.ts${key === undefined ? "" : ` ${key}`}`,
    notes: [
      aboutTsx,
      "`handler` also works behind a REST API, a function URL or a load balancer. Set both values of `.env` as environment variables of the function.",
    ],
    usesSdk: true,
  },
  {
    name: "python",
    title: "Python (Flask, Django)",
    needs: python,
    install: [newEnvironment, ".venv/bin/pip install unkey.py==3.2.2"],
    start: "env $(cat .env) .venv/bin/python app.py",
    passed: (user) => `{"hello": "${user}"}`,
    notes: [
      `${aboutUnkeyPy} \`require_key\` wraps any WSGI application: \`app.wsgi_app = require_key(app.wsgi_app)\` in Flask, \`application = require_key(get_wsgi_application())\` in Django.`,
    ],
    usesSdk: false,
  },
  {
    name: "fastapi",
    title: "FastAPI",
    needs: python,
    install: [newEnvironment, ".venv/bin/pip install unkey.py==3.2.2 fastapi uvicorn"],
    start: "env $(cat .env) .venv/bin/python -m uvicorn main:app --port 3000",
    notes: [
      `${aboutUnkeyPy} A route that declares a parameter of the type \`VerifiedKey\` needs a key, and gets the verdict.`,
    ],
    usesSdk: false,
  },
  {
    name: "go",
    title: "Go",
    needs: "Go 1.22 or later",
    install: [],
    start: "env $(cat .env) go run .",
    usesSdk: false,
  },
];
