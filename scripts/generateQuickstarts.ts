/** Generates `docs/quickstarts/` from `examples/`: a page for each application, whose code is that of the example. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Quickstart, quickstarts } from "./quickstarts.ts";

const root = join(import.meta.dir, "..");

/** The pages by their path in the repository. */
export function quickstartPages(): Record<string, string> {
  return {
    "docs/quickstarts/README.md": indexPage(),
    ...Object.fromEntries(quickstarts.map((one) => [`docs/quickstarts/${one.name}.md`, quickstartPage(one)])),
  };
}

function indexPage(): string {
  const rows = quickstarts.map(({ name, title }) => `- [${title}](${name}.md)`);
  return `# Quickstarts

Each page goes from an empty folder to a route that needs a key, with a limit for each user, in about five minutes. The
applications are in \`examples/\`, and the tests run every page.

${rows.join("\n")}

Next, read [concepts](../concepts.md) and [recipes](../recipes/README.md).
`;
}

function quickstartPage(quickstart: Quickstart): string {
  const { name, title, needs, install, env = ".env", notes = [] } = quickstart;
  const parts = [
    `# Quickstart: ${title}`,
    `In about five minutes you have a route that only lets through requests with a valid key, a limit for each user that all
of the user's keys share, and a root key that may only verify keys. The application is [examples/${name}](../../examples/${name}).`,
    `You need ${needs}, and a Latchkey server: \`npx latchkey serve\`, or \`npm ci && npm start\` in a checkout of this
repository. Its first start prints a root key, or writes it to \`data/root-key\` if it runs without a terminal.`,
    "## 1. Users, keys and a root key",
    "Run this in a new terminal, in an empty folder, with the root key that the server printed:",
    fence("sh", preparation(name, env)),
    fence("text", "… … … latchkey_root_…"),
    `Alice has two keys and Bob has one. Each user may make three requests a minute, counted over all of the user's keys. The file
\`${env}\` now holds the application's own root key, which may verify the keys of this api and nothing else. If a step fails,
\`field\` shows the response of the server.`,
    "## 2. The application",
    ...(install.length === 0 ? [] : [fence("console", install.join("\n"))]),
    ...(install.some((line) => line.includes("@latchkey/sdk")) ? [fromCheckout] : []),
    ...filesOf(name).map(({ path, code }) => `\`${path}\`:\n\n${fence(languageOf(path), code)}`),
    ...notes,
    ...trial(quickstart),
    "## Next",
    nextSteps(quickstart),
  ];
  return `${parts.join("\n\n")}\n`;
}

const fromCheckout = `If your registry does not have \`@latchkey/sdk\` yet, run \`npm pack --workspace @latchkey/sdk\` in the checkout, and install the
path of the file that it prints instead.`;

function preparation(name: string, env: string): string {
  return `root=latchkey_root_…
url=http://127.0.0.1:7070
call() { curl -sS $url/v2/$1 -H "Authorization: Bearer $root" -H "Content-Type: application/json" -d "$2"; }
field() {
  response=$(cat)
  printf '%s' "$response" | grep -o "\\"$1\\":\\"[^\\"]*" | cut -d '"' -f 4 | grep . || echo "No $1 in the response: $response" >&2
}

api=$(call apis.createApi '{ "name": "my-api" }' | field apiId)
for user in alice-${name} bob-${name}; do
  call identities.createIdentity '{ "externalId": "'$user'",
    "ratelimits": [{ "name": "requests", "limit": 3, "duration": 60000, "autoApply": true }] }' | field identityId > /dev/null
done
new_key() { call keys.createKey '{ "apiId": "'$api'", "externalId": "'$1'" }' | field key; }
alice=$(new_key alice-${name})
alice2=$(new_key alice-${name})
bob=$(new_key bob-${name})

verifier=$(call rootKeys.createKey '{ "name": "my-api", "permissions": ["api.'$api'.verify_key"] }' | field key)
[ -n "$verifier" ] && printf 'LATCHKEY_URL=%s\\nLATCHKEY_ROOT_KEY=%s\\n' $url $verifier > ${env}
echo $alice $alice2 $bob $verifier`;
}

/** The sections that run the application and show what it does. */
function trial({ name, start, request = httpRequest, passed = jsonOf }: Quickstart): string[] {
  const asAlice = `${passed(`alice-${name}`)} 200`;
  const asBob = `${passed(`bob-${name}`)} 200`;
  return [
    "## 3. Try it",
    ...(start === undefined
      ? []
      : [
          "Start it in another terminal, in the same folder:",
          fence("console", start),
          "Back in the first terminal, without a key:",
        ]),
    ...(start === undefined ? ["Without a key:"] : []),
    fence("sh", request()),
    fence("text", "… 401"),
    "With Alice's key:",
    fence("sh", request("$alice")),
    fence("text", asAlice),
    "Three more requests are one too many for her, since both of her keys share the limit. Bob is not affected:",
    fence("sh", `for key in $alice2 $alice2 $alice; do ${request("$key")}; done\n${request("$bob")}`),
    fence("text", `${asAlice}\n${asAlice}\n… 429\n${asBob}`),
    "With the application's root key, nobody can create a key:",
    fence("sh", `root=$verifier\ncall keys.createKey '{ "apiId": "'$api'" }' | grep -o '"status":[0-9]*'`),
    fence("text", '"status":403'),
  ];
}

/** The body as most frameworks write JSON. */
function jsonOf(user: string): string {
  return JSON.stringify({ hello: user });
}

/** Prints the body and the status of the response. */
function httpRequest(key?: string): string {
  const header = key === undefined ? "" : ` -H "Authorization: Bearer ${key}"`;
  return `curl -s -w ' %{http_code}\\n' http://127.0.0.1:3000/documents${header}`;
}

function nextSteps({ usesSdk }: Quickstart): string {
  const guard = usesSdk
    ? "- [The options of the guard](../../sdk/README.md#middleware): permissions, credits, your own responses, and what happens while the\n  server is unreachable."
    : "- [keys.verifyKey](../reference/keys.verifyKey.md): permissions, credits, and everything else that a verification can ask for.";
  const testing = usesSdk
    ? "- [Testing](../../testing/README.md): run your application's tests against a real server, with a clock that they move."
    : "- [Testing](../../testing/README.md): a real server for tests, with a clock that they move; `url` and `rootKey` serve any client.";
  return `${guard}
${testing}
- [Recipes](../recipes/README.md): plans, rotation, a settings page for your users.
- [Concepts](../concepts.md): the words on one page, and what a verification checks.`;
}

type File = { path: string; code: string };

/** The files of the example, except for the lists of its dependencies. */
function filesOf(name: string): File[] {
  const folder = join(root, "examples", name);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && !/^(package\.json|requirements\.txt)$/.test(one.name))
    .map((one) => join(one.parentPath, one.name).slice(folder.length + 1))
    .sort()
    .map((path) => ({ path, code: readFileSync(join(folder, path), "utf8").trimEnd() }));
}

function languageOf(path: string): string {
  const ending = path.split(".").at(-1) ?? "";
  return { mod: "text", jsonc: "json" }[ending] ?? ending;
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
