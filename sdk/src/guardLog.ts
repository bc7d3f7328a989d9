/** Writes what a guard reports as one line. The message includes that of the error. */
export function logLine(message: string): void {
  console.error(message);
}
