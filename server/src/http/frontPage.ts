import { version } from "../version.ts";
import { documentOf, escaped, page } from "./page.ts";
import { json } from "./problem.ts";

const description = `This is the HTTP API of a Latchkey ${version} server: API keys, identities, verification and rate limits.`;
const call = "POST /v2/<group>.<operation> with the header Authorization: Bearer <root key>";

/** The paths that need no root key, and what each of them serves. */
const links = {
  docs: ["/docs", "how to use this API, and every operation with examples"],
  openapi: ["/openapi.json", "every operation and field, as an OpenAPI document"],
  errors: ["/errors", "every error, when it occurs and what to do"],
  health: ["/health/ready", "whether this server accepts requests"],
} as const;

/** `GET /`: says what this server is and where to go, in HTML to browsers and in JSON to all others. */
export function frontPage(accept: string | null): Response {
  const response = accept?.includes("text/html") === true ? page(frontDocument()) : frontJson();
  response.headers.set("Vary", "Accept");
  return response;
}

function frontJson(): Response {
  const paths = Object.entries(links).map(([name, [path]]) => [name, path]);
  const body = { name: "Latchkey", version, description, call, ...Object.fromEntries(paths) };
  return new Response(JSON.stringify(body), { headers: { "Content-Type": json } });
}

function frontDocument(): string {
  const items = Object.values(links).map(([path, what]) => `<li><a href="${path}">${path}</a>: ${what}</li>`);
  return documentOf(
    "API server",
    `<h1>API server</h1><p>${description}</p><p><code>${escaped(call)}</code></p><ul>${items.join("")}</ul>`,
  );
}
