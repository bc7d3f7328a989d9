import { Failure } from "../errors/failure.ts";

/**
 * Matches a Host header with one host: a name, an IPv4 address, or an IPv6 address in brackets, then an optional port.
 * The header may be empty, which it is if the request's target has no host.
 */
const oneHost = /^(?:\[[\da-f:.]+\]|(?:[\w.~!$&'()*+;=-]|%[\da-f]{2})*)(?::(\d{0,5}))?$/i;
const highestPort = 65_535;

/** The last valid Host header. Most requests repeat the header of the request before them, which is then not parsed. */
let lastHost = "localhost";

/** Throws the error that `headFlaw` returns. */
export function checkHead(headers: Headers): void {
  const flaw = headFlaw(headers);
  if (flaw !== undefined) throw flaw;
}

/**
 * Checks a request's head, whatever its path. Returns `invalid_input` if the Host header does not name exactly one host
 * (the runtime joins two Host headers with a comma), and `expectation_failed` if Expect is not 100-continue.
 */
export function headFlaw(headers: Headers): Failure | undefined {
  const host = headers.get("host");
  if (host !== null && host !== lastHost) {
    if (!namesOneHost(host)) return badHost();
    lastHost = host;
  }
  const expected = headers.get("expect");
  if (expected === null || expected.toLowerCase() === "100-continue") return undefined;
  return new Failure("expectation_failed", { headers: { Connection: "close" } });
}

function namesOneHost(host: string): boolean {
  const match = oneHost.exec(host);
  return match !== null && Number(match[1] ?? 0) <= highestPort;
}

function badHost(): Failure {
  return new Failure("invalid_input", {
    detail: "The Host header is not one host name or IP address. Send exactly one, with an optional port.",
    flaws: [
      {
        location: "headers.Host",
        message: "is not one host name or IP address",
        fix: "send one Host header with a name or an address, and a port if it is not 80",
      },
    ],
  });
}
