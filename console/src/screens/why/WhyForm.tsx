import { useState } from "react";
import { flawAt } from "../../data/errors.ts";
import { useFilters } from "../../data/filters.ts";
import { kindOf } from "../../data/kinds.ts";
import { hashKey } from "../../data/sha256.ts";
import { TextField } from "../../parts/fields.tsx";

type Props = { error: unknown; busy: boolean; onAgain(): void };

/**
 * The form for a key and what a request would ask for. If the user types a secret, it is hashed here, and only the hash
 * is in the URL.
 */
export function WhyForm({ error, busy, onAgain }: Props) {
  const [filters, change] = useFilters();
  const { keyHash } = filters;
  const [key, setKey] = useState(filters["keyId"] ?? "");
  const [permissions, setPermissions] = useState(filters["permissions"] ?? "");
  const [cost, setCost] = useState(filters["cost"] ?? "");

  async function ask(): Promise<void> {
    const text = key.trim();
    const named = text === "" ? { keyHash } : await nameOf(text);
    if (!("keyId" in named)) setKey(""); // the text is not an id, so it may be a secret
    const next = { ...named, permissions: permissions.trim(), cost: cost.trim() };
    const isSame = Object.entries(next).every(([name, value]) => (filters[name] ?? "") === (value ?? ""));
    if (isSame) onAgain();
    else change({ keyId: undefined, keyHash: undefined, requestId: undefined, ...next });
  }

  return (
    <form
      className="card"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void ask();
      }}
    >
      <div className="fields why-fields">
        <TextField
          label="Key or key id"
          value={key}
          onChange={setKey}
          placeholder={keyHash === undefined ? "Paste a key or its id" : "The key that you pasted"}
          hint="A key is hashed in this browser and never sent."
          error={flawAt(error, "keyId")}
        />
        <TextField
          label="Permission query"
          value={permissions}
          onChange={setPermissions}
          placeholder="documents.read AND (a OR b)"
          error={flawAt(error, "permissions")}
        />
        <TextField
          label="Cost in credits"
          kind="number"
          value={cost}
          onChange={setCost}
          placeholder="1"
          error={flawAt(error, "credits")}
        />
      </div>
      <div className="row">
        <button type="submit" className="button primary" aria-disabled={busy}>
          {busy ? "Asking…" : "Explain"}
        </button>
      </div>
    </form>
  );
}

/**
 * Returns the id or the hash of the key that the text names. A text that is not an id may be a secret, so it is hashed.
 */
async function nameOf(text: string): Promise<{ keyId: string } | { keyHash: string }> {
  return kindOf(text).kind === "id" ? { keyId: text } : { keyHash: await hashKey(text) };
}
