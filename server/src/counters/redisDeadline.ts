const steps = 5;

/**
 * Watches that answers which come in the order of the questions do not take longer than `deadlineMs`: calls `onLate`
 * once, at most a fifth later. What counts is time in which this process could have read an answer: however long the
 * event loop was held up, that is one step.
 */
export function watchAnswers(deadlineMs: number, onLate: () => void) {
  let asked = 0;
  let answered = 0;
  /** how many had been asked at the last steps, the oldest first */
  let before: number[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function step(): void {
    timer = undefined;
    const due = before.length >= steps ? before.shift() : undefined;
    if (due !== undefined && answered < due) {
      onLate();
      return;
    }
    before.push(asked);
    if (answered < asked) arm();
    else before = [];
  }

  function arm(): void {
    timer = setTimeout(step, deadlineMs / steps);
    timer.unref();
  }

  return {
    asked(): void {
      asked += 1;
      if (timer === undefined) arm();
    },
    answered(): void {
      answered += 1;
    },
    stop: () => clearTimeout(timer),
  };
}
