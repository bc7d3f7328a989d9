import { useId } from "react";
import { isHeld, useSession } from "../data/session.ts";

type Props = {
  children: React.ReactNode;
  onClick?: () => void;
  kind?: "primary" | "danger" | "quiet" | undefined;
  small?: boolean;
  /** whether the work that the button has started is still in progress */
  busy?: boolean;
  submits?: boolean;
  /** The permission that the action needs. If the session lacks it, the button is disabled and names the permission. */
  needs?: string | undefined;
};

export function Button({ children, onClick, kind, small, busy, submits, needs }: Props) {
  const session = useSession();
  const reason = useId();
  const lacks = needs !== undefined && !isHeld(session, needs);
  const isOff = lacks || busy === true;
  const classes = ["button", kind, small === true ? "small" : ""].join(" ");
  return (
    <>
      <button
        type={submits === true ? "submit" : "button"}
        className={classes}
        aria-disabled={isOff}
        aria-describedby={lacks ? reason : undefined}
        title={lacks ? `Needs the permission ${needs}` : undefined}
        onClick={(event) => {
          if (isOff) event.preventDefault();
          else onClick?.();
        }}
      >
        {children}
      </button>
      {lacks ? (
        <span id={reason} className="visually-hidden">
          Needs the permission {needs}
        </span>
      ) : null}
    </>
  );
}
