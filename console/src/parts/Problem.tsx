import { ApiError, ConnectionLost, isSessionMissing } from "../data/errors.ts";

/** Shows why a call failed, and what to do. What is already shown at a field is not repeated here. */
export function Problem({
  error,
  shownAtFields = [],
}: {
  error: unknown;
  shownAtFields?: readonly string[];
}) {
  if (error === null || error === undefined || isSessionMissing(error)) return null;
  const flaws = error instanceof ApiError ? error.flaws : [];
  const others = flaws.filter(
    ({ location }) => !shownAtFields.some((field) => location.startsWith(`body.${field}`)),
  );
  return (
    <div className="note bad" role="alert">
      <strong>{titleOf(error)}</strong>
      {flaws.length === 0 ? <p>{(error as Error).message}</p> : null}
      {others.map(({ location, message, fix }) => (
        <p key={location + message}>
          <code>{location}</code> {message}
          {fix === undefined ? "." : `: ${fix}.`}
        </p>
      ))}
      {error instanceof ApiError && error.status >= 500 ? (
        <p className="small">Request {error.requestId}</p>
      ) : null}
    </div>
  );
}

function titleOf(error: unknown): string {
  if (error instanceof ConnectionLost) return "No connection";
  if (!(error instanceof ApiError)) return "Something went wrong";
  if (error.status === 400) return "Something must be corrected first";
  if (error.status === 403) return "Not permitted";
  if (error.status === 404) return "Not found";
  return error.status >= 500 ? "The server has failed" : "Refused";
}
