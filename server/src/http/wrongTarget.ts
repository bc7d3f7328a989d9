import { closest } from "../domain/closest.ts";
import { Failure } from "../errors/failure.ts";
import type { Operation } from "../operation.ts";

/** `allowed` is a list of methods in the form of the Allow header, such as `GET, HEAD`. */
export function wrongMethod(allowed: string): Failure {
  return new Failure("method_not_allowed", {
    detail: `This path does not accept this method. Use ${allowed.replace(", ", " or ")}.`,
    headers: { Allow: allowed },
  });
}

export function unknownPath(path: string, operations: readonly Operation[]): Failure {
  const near = closest(
    path.replace(/^\/v2\//, ""),
    operations.map((operation) => operation.name),
  );
  const hint = near === undefined ? "See /openapi.json for the paths." : `Did you mean /v2/${near}?`;
  return new Failure("unknown_operation", { detail: `Nothing is served at this path. ${hint}` });
}
