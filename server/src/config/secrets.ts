import { readFileSync } from "node:fs";
import { type SecretName, secretForms } from "./settings/forms.ts";
import { type Config, ConfigError } from "./settings.ts";

/**
 * Returns the root key from the settings. Reads its file if `LATCHKEY_ROOT_KEY_FILE` is set. Errors: `ConfigError` if
 * the file cannot be read or does not contain a root key.
 */
export function configuredRootKey(config: Config): string | undefined {
  return configured(config, "LATCHKEY_ROOT_KEY");
}

/** Like `configuredRootKey`, for the key that encrypts recoverable keys. */
export function configuredRecoveryKey(config: Config): string | undefined {
  return configured(config, "RECOVERY_KEY");
}

/** Like `configuredRootKey`, for the root key of the server that verified keys before this one. */
export function configuredUpstreamRootKey(config: Config): string | undefined {
  return configured(config, "UPSTREAM_VERIFY_ROOT_KEY");
}

/**
 * Like `configuredRootKey`, for the secret with which the HMACs of imported keys were computed.
 */
export function configuredHmacSecret(config: Config): Uint8Array | undefined {
  const text = configured(config, "IMPORTED_HMAC_SECRET");
  const [, encoding, digits] = /^(hex|base64):(.*)$/s.exec(text ?? "") ?? [];
  if (encoding !== undefined) return Buffer.from(digits ?? "", encoding as BufferEncoding);
  return text === undefined ? undefined : Buffer.from(text);
}

/**
 * Reads the recovery key in `file`. `flag` is the flag of the command line that names the file.
 * Errors: `ConfigError`, which names the flag.
 */
export function recoveryKeyIn(file: string, flag: string): string {
  return secretIn(file, flag, "RECOVERY_KEY");
}

/**
 * Returns the name of the setting that has the secret: `name`, or with the suffix `_FILE` if the secret is in a file.
 */
export function settingOf(config: Config, name: SecretName): string {
  return config[`${name}_FILE`] === undefined ? name : `${name}_FILE`;
}

function configured(config: Config, name: SecretName): string | undefined {
  const file = config[`${name}_FILE`];
  return file === undefined ? config[name] : secretIn(file, `${name}_FILE`, name);
}

function secretIn(file: string, setting: string, name: SecretName): string {
  const where = `${setting} (${JSON.stringify(file)})`;
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    const { code } = error as { code?: string };
    throw new ConfigError(`${where}: the file cannot be read (${code}).`);
  }
  const { form, fix } = secretForms[name];
  if (!form.test(text)) throw new ConfigError(`${where}: the content of the file ${fix}.`);
  return text;
}
