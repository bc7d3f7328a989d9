/** The default `log` of a guard. It ignores the second argument, an error, whose message is part of `message`. */
export function logLine(message: string): void {
  console.error(message);
}
