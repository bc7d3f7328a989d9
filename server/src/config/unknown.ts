import { closest } from "../domain/closest.ts";
import { settings } from "./settings.ts";

/** variables of the launcher and of the SDK, which are not settings of the server */
const othersSettings = ["LATCHKEY_LAUNCHER_PID", "LATCHKEY_ALLOW_HTTP"];

/**
 * Returns a warning for each `LATCHKEY_…` variable that nothing reads. The warning suggests the setting that was
 * probably meant.
 */
export function unknownSettings(environment: Record<string, string | undefined>): string[] {
  const known = [...Object.keys(settings.shape), ...othersSettings];
  return Object.entries(environment).flatMap(([name, value]) => {
    if (!name.startsWith("LATCHKEY_") || value === undefined || value === "") return [];
    if (known.includes(name) || isServiceLink(name, value)) return [];
    const near = closest(name, known) ?? closest(name.slice("LATCHKEY_".length), known);
    const hint = near === undefined ? "`latchkey config` lists the settings." : `Did you mean ${near}?`;
    return [`${name} is not a setting and is ignored. ${hint}`];
  });
}

const linkName =
  /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_START|_END|_PROTO|_PORT|_ADDR)?|ENV_\w+)$/;

/**
 * Whether Kubernetes or Docker has set this variable. For each service or container whose name begins with `latchkey`,
 * they set variables with its address, such as `LATCHKEY_PORT`.
 */
function isServiceLink(name: string, value: string): boolean {
  if (linkName.test(name)) return true;
  if (name.endsWith("_PORT")) return /^(tcp|udp|sctp):\/\//.test(value);
  return name.endsWith("_NAME") && value.startsWith("/");
}
