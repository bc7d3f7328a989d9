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
  /**
   * the id of the launcher's process (`bin/latchkey.mjs`), if there is one; when the launcher exits, the server stops
   */
  launcherPid?: number;
};

/** The settings cannot be used. The message names the setting, and says what is wrong or what to do. */
export class ConfigError extends Error {}
