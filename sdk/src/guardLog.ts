/** The default `log` of a guard. It ignores the error, whose message is part of `message` already. */
export function logLine(message: string): void {
  console.error(message);
}
