import { Failure, invalid } from "../errors/failure.ts";
import { scanJson } from "./scanJson.ts";

/** Matches every spelling of the media type of JSON in UTF-8, and no other media type. */
const jsonType = /^application\/json[ \t]*(?:;[ \t]*(?:charset=("?)utf-8\1[ \t]*(?:;[ \t]*)?)?)?$/i;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Errors: `unsupported_media_type` if the headers name another type than JSON in UTF-8, or a content encoding. */
export function checkMediaType(headers: Headers): void {
  const type = headers.get("content-type");
  if (type !== "application/json" && (type === null || !jsonType.test(type))) {
    throw new Failure("unsupported_media_type", {
      detail: `Content-Type is ${type === null ? "missing" : JSON.stringify(type.slice(0, 100))}. Send application/json.`,
    });
  }
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new Failure("unsupported_media_type", {
      detail: "Content-Encoding is not supported. Send plain, uncompressed JSON.",
    });
  }
}

/**
 * Parses the body.
 * Errors: `invalid_input` if the body is not JSON in UTF-8, or if `scanJson` finds a flaw.
 */
export function readJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) throw invalid("body", "is empty", "send a JSON object, at least {}");
  const flaw = scanJson(bytes);
  if (flaw !== undefined) throw invalid(flaw.location, flaw.message, flaw.fix);
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "it is not UTF-8";
    throw invalid(
      "body",
      `is not JSON (${reason.slice(0, 200)})`,
      "send one JSON value in UTF-8, without a byte order mark",
    );
  }
}
