import { z } from "zod";
import { limits } from "./settings/limits.ts";
import { moving } from "./settings/moving.ts";
import { serving } from "./settings/serving.ts";
import { storage } from "./settings/storage.ts";

/** Every setting, by the name of its environment variable. */
export const settings = z.object({ ...serving, ...storage, ...limits, ...moving });

export type Config = z.output<typeof settings> & {
  /** the standard OpenTelemetry variables, if they turn traces on */
  otel?: Readonly<Record<string, string>>;
  /** the process that started this one; when it exits, this one stops; set by `bin/latchkey.mjs` */
  launcherPid?: number;
};

/** The settings cannot be used. The message is one sentence with the name of the setting. */
export class ConfigError extends Error {}
