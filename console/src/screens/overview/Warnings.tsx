import { Link } from "@tanstack/react-router";
import { useOperation } from "../../data/queries.ts";
import { isHeld, useSession } from "../../data/session.ts";

/** A warning about root keys that have every permission and never expire. */
export function Warnings() {
  const session = useSession();
  const mayRead = isHeld(session, "root_key.<id>.read_root_key");
  const { data } = useOperation("rootKeys.listKeys", { limit: 100 }, { enabled: mayRead });
  const risky = (data?.data ?? []).filter(
    ({ permissions, expires, enabled }) => enabled && expires === null && permissions.includes("*"),
  );
  if (risky.length === 0) return null;
  return (
    <div className="note warn">
      <strong>
        {risky.length === 1 ? "A root key has" : `${risky.length} root keys have`} every permission and no
        expiry
      </strong>
      <p>
        Give programs only what they need. <Link to="/root-keys">Root keys</Link>
      </p>
    </div>
  );
}
