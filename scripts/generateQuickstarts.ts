/** Generates `docs/quickstarts/`: a page for each application in `examples/`, which shows its code. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Quickstart, quickstarts } from "./quickstarts.ts";

const root = join(import.meta.dir, "..");

/** The generated pages, by their paths in the repository. */
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
    `In about five minutes, you build an application with a route that needs a valid key. Each user has a limit, which all keys of
the user share. The root key of the application may only verify keys. The code is in [examples/${name}](../../examples/${name}).`,
    `You need ${needs}, and a Latchkey server: \`npx latchkey serve\`, or \`npm ci && npm start\` in a checkout of this
repository. Its first start prints a root key, or writes it to \`data/root-key\` if it runs without a terminal.`,
    "## 1. Users, keys and a root key",
    "Open a new terminal in an empty folder. Replace `latchkey_root_…` with the root key that the server printed, and run:",
    fence("sh", preparation(name, env)),
    fence("text", "… … … latchkey_root_…"),
    `Alice has two keys and Bob has one. Each user may send three requests a minute with all keys together. The file
\`${env}\` now has a root key for the application, which may verify keys of this api and nothing else. If a call fails,
the server's response is printed.`,
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

const fromCheckout = `If your npm registry does not have \`@latchkey/sdk\` yet, run \`npm pack --workspace @latchkey/sdk\` in a checkout of this
repository, and install the file that it creates: put its path in place of \`@latchkey/sdk\`.`;

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

/** The section of the page in which the reader starts the application and sends it requests. */
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
    "Three more requests of Alice exceed her limit, because both of her keys share it. Bob is not affected:",
    fence("sh", `for key in $alice2 $alice2 $alice; do ${request("$key")}; done\n${request("$bob")}`),
    fence("text", `${asAlice}\n${asAlice}\n… 429\n${asBob}`),
    "The application's root key cannot create a key:",
    fence("sh", `root=$verifier\ncall keys.createKey '{ "apiId": "'$api'" }' | grep -o '"status":[0-9]*'`),
    fence("text", '"status":403'),
  ];
}

/** The body that the application returns for a user, as most frameworks write it: JSON without spaces. */
function jsonOf(user: string): string {
  return JSON.stringify({ hello: user });
}

/** A command that prints the body and the status of the response. */
function httpRequest(key?: string): string {
  const header = key === undefined ? "" : ` -H "Authorization: Bearer ${key}"`;
  return `curl -s -w ' %{http_code}\\n' http://127.0.0.1:3000/documents${header}`;
}

function nextSteps({ usesSdk }: Quickstart): string {
  const guard = usesSdk
    ? "- [The options of the guard](../../sdk/README.md#middleware): permissions, credits, your own responses, and what happens while the\n  Latchkey server is unavailable."
    : "- [keys.verifyKey](../reference/keys.verifyKey.md): permissions, credits, and everything else that a verification can ask for.";
  const testing = usesSdk
    ? "- [Testing](../../testing/README.md): your application against a real Latchkey server, with a clock that the tests move."
    : "- [Testing](../../testing/README.md): a real Latchkey server for tests, with a clock that the tests move. `url` and `rootKey` work with any client.";
  return `${guard}
${testing}
- [Recipes](../recipes/README.md): plans, rotation, a settings page for your users.
- [Concepts](../concepts.md): the words on one page, and what a verification checks.`;
}

type File = { path: string; code: string };

/** The files of the example that the page shows: all except the lists of its dependencies. */
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
