/**
 * A bar that shows how much of a limit is used. Screen readers skip the bar, because the numbers beside it say the
 * same.
 */
export function Meter({ used, limit, isFull }: { used: number; limit: number; isFull: boolean }) {
  const width = limit === 0 ? 100 : Math.min(100, (used / limit) * 100);
  return (
    <svg
      className={isFull ? "meter full" : "meter"}
      viewBox="0 0 100 6"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <rect width="100" height="6" />
      <rect width={width} height="6" />
    </svg>
  );
}
