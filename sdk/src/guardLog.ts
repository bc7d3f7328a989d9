/**
 * The default `log` of a guard. It ignores the error that a guard passes to `log`, because `message` contains its text.
 */
export function logLine(message: string): void {
  console.error(message);
}
