import { Dialog as Base } from "@base-ui/react/dialog";
import { type ShouldBlockFn, useBlocker } from "@tanstack/react-router";
import { Button } from "./Button.tsx";
import { Copy } from "./Copy.tsx";
import { Problem } from "./Problem.tsx";

type Props = {
  title: string;
  onClose(): void;
  wide?: boolean;
  /** whether Escape closes the dialog; false if its content is shown only once, or while a call is in progress */
  dismissible?: boolean;
  children: React.ReactNode;
};

/**
 * A dialog. It is open whenever it is rendered, so closing it discards what was typed. An error that the parent passes
 * stays until the parent resets it.
 */
export function Dialog({ title, onClose, wide, dismissible = true, children }: Props) {
  return (
    <Base.Root
      open
      disablePointerDismissal
      onOpenChange={(next) => {
        if (!next && dismissible) onClose();
      }}
    >
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className={wide === true ? "dialog wide" : "dialog"}>
          <Base.Title>{title}</Base.Title>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** A dialog that only shows a text, and a button that closes it. */
export function NoticeDialog({ children, ...dialog }: Pick<Props, "title" | "onClose" | "children">) {
  return (
    <Dialog {...dialog}>
      {children}
      <div className="form-end">
        <Button onClick={dialog.onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

/**
 * Shows the server's warnings about a change: the server has done what was requested, but it was probably not what the
 * user meant.
 */
export function Warnings({ warnings = [] }: { warnings: readonly string[] | undefined }) {
  return warnings.map((warning) => (
    <p key={warning} className="note warn">
      {warning}
    </p>
  ));
}

/**
 * Whether the browser's back or forward button leads away from the page. Nothing else is blocked: links behind a dialog
 * cannot be clicked, and the console itself leads away only when the dialog is done.
 */
const isByBrowser: ShouldBlockFn = ({ action }) => action !== "PUSH" && action !== "REPLACE";

/** Keeps the user on the page while leaving it could lose a key that is shown only once. */
function useStay(isNeeded: boolean): void {
  useBlocker({ shouldBlockFn: isByBrowser, disabled: !isNeeded });
}

type FormProps = Omit<Props, "dismissible"> & {
  submit: string;
  danger?: boolean;
  busy: boolean;
  error: unknown;
  /**
   * The names of the inputs whose fields show their own errors, so that the dialog does not repeat them. `ratelimits[`
   * stands for the fields of the items of a list: errors about the list as a whole are still shown by the dialog.
   */
  fields?: readonly string[];
  onSubmit(): void;
};

/**
 * A dialog with a form. If the server refuses the input, the dialog stays open with what was typed. The dialog cannot
 * be closed while a call is in progress, because the response may have a key that is shown only once.
 */
export function FormDialog({
  submit,
  danger,
  busy,
  error,
  fields = [],
  onSubmit,
  children,
  ...dialog
}: FormProps) {
  useStay(busy);
  return (
    <Dialog {...dialog} dismissible={!busy}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) onSubmit();
        }}
      >
        {children}
        <Problem error={error} shownAtFields={fields} />
        <div className="form-end">
          <Button kind="quiet" busy={busy} onClick={dialog.onClose}>
            Cancel
          </Button>
          <Button kind={danger === true ? "danger" : "primary"} submits busy={busy}>
            {busy ? "Sending…" : submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

type SecretProps = {
  secret: string;
  onClose(): void;
  /** whether the server has just shown this key again, because it was created as recoverable */
  isKept?: boolean;
  /** a sentence that says when the server can show the key again; omitted if the server never can */
  again?: string | undefined;
  /** the server's warnings about the new key */
  warnings?: readonly string[] | undefined;
};

/** Shows a key. No URL, title or log contains the key. When the dialog is closed, the page no longer has the key. */
export function SecretDialog({ secret, onClose, isKept, again, warnings }: SecretProps) {
  useStay(isKept !== true);
  return (
    <Dialog title={isKept === true ? "The key" : "Copy the key now"} onClose={onClose} dismissible={false}>
      {isKept === true ? null : <p className="soft">{again ?? "The server cannot show this key again."}</p>}
      <div className="row">
        <code className="code secret">{secret}</code>
        <Copy text={secret} what="key" />
      </div>
      <Warnings warnings={warnings} />
      <div className="form-end">
        <Button kind="primary" onClick={onClose}>
          {isKept === true ? "Close" : "I have stored it"}
        </Button>
      </div>
    </Dialog>
  );
}
