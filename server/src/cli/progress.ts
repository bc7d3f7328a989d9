const everyMs = 200;

/** Shows the progress of a command as one changing line, if stderr is a terminal. Otherwise `show` prints nothing. */
export function progress() {
  const isTerminal = process.stderr.isTTY === true;
  let shownAtMs = Number.NEGATIVE_INFINITY;
  const clear = () => (isTerminal ? process.stderr.write("\r\u001b[K") : undefined);
  return {
    /** Calls `text` only if its result is printed, so `show` may be called for each record. */
    show(text: () => string): void {
      const nowMs = performance.now();
      if (!isTerminal || nowMs - shownAtMs < everyMs) return;
      shownAtMs = nowMs;
      process.stderr.write(`\r\u001b[K${text()}`);
    },
    /** Prints a sentence on a line of its own. Later progress does not overwrite it. */
    tell(sentence: string): void {
      clear();
      process.stderr.write(`${sentence}\n`);
    },
    end: clear,
  };
}
