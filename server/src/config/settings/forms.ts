import { z } from "zod";

/** A whole number, written only in decimal digits: without sign, space or exponent. */
export const whole = (min: number, max: number) =>
  z
    .string()
    .refine(
      (text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max,
      `must be a whole number from ${min} to ${max}`,
    )
    .transform(Number);

export const httpAddress = z.url({
  protocol: /^https?$/,
  error: "must be an address that begins with http:// or https://",
});

/**
 * The settings that are secrets: the form that each must have, and what a message about a wrong value says. Each secret
 * may be in a file: a setting with the suffix `_FILE` then has the path of the file.
 */
export const secretForms = {
  /** visible ASCII without commas, so that it can be sent as a bearer token */
  LATCHKEY_ROOT_KEY: {
    form: /^[!-+\--~]{32,}$/,
    fix: "must be at least 32 letters, digits or symbols, without spaces and commas",
  },
  RECOVERY_KEY: { form: /^[A-Za-z0-9+/_-]{43}=?$/, fix: "must be 32 bytes in base64" },
  IMPORTED_HMAC_SECRET: {
    form: /^(?!hex:|base64:).+$|^hex:([0-9a-fA-F]{2})+$|^base64:(?=.)([\w+/-]{4})*([\w+/-]{2}(==)?|[\w+/-]{3}=?)?$/s,
    fix: "must be text, or bytes written as hex:<hex> or base64:<base64>",
  },
  UPSTREAM_VERIFY_ROOT_KEY: { form: /^[!-~]+$/, fix: "must be a root key, without spaces" },
};

export type SecretName = keyof typeof secretForms;

export const secretNames = Object.keys(secretForms) as SecretName[];

export const secret = (name: SecretName) =>
  z.string().regex(secretForms[name].form, secretForms[name].fix).optional();

export const secretFile = (name: SecretName) =>
  z.string().min(1).optional().describe(`A file that contains ${name}.`);
