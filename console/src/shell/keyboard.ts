import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { places } from "./places.ts";

const afterGMs = 1_500;

/**
 * The keyboard shortcuts: `/` and Ctrl-K open the search, `?` shows help, `g` and then a letter opens a screen, `j` and
 * `k` move to the next and the previous row. They do nothing while a dialog is open: opening a screen or the search
 * would close the dialog, which may show a key that exists nowhere else.
 */
export function useKeyboard({ find, help }: Acts): void {
  const navigate = useNavigate();
  useEffect(() => {
    let pressedGAtMs = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent) => {
      const act = isFindShortcut(event) ? find : plainKey(event, performance.now() - pressedGAtMs < afterGMs);
      pressedGAtMs = event.key === "g" ? performance.now() : Number.NEGATIVE_INFINITY;
      if (act === undefined) return;
      // even while a dialog is open: the browser may open its own search, into which the user could paste a key
      event.preventDefault();
      if (document.querySelector("[role=dialog]") === null) act();
    };
    const plainKey = (event: KeyboardEvent, isAfterG: boolean) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return undefined;
      const place = isAfterG ? placeOf(event.key) : undefined;
      if (place !== undefined) return () => void navigate({ to: place });
      return { "/": find, "?": help, j: () => walk(1), k: () => walk(-1) }[event.key];
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [navigate, find, help]);
}

type Acts = { find(): void; help(): void };

function isFindShortcut({ ctrlKey, metaKey, key }: KeyboardEvent): boolean {
  return (ctrlKey || metaKey) && key.toLowerCase() === "k";
}

function placeOf(key: string): string | undefined {
  return places.flat().find((place) => place.key === key)?.to;
}

/** Returns whether the focused element is a field, so that the key press belongs to it. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select") !== null;
}

/** Moves the focus to the first link or button of the next row, or of the previous row if `by` is -1. */
function walk(by: 1 | -1): void {
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by];
  next?.querySelector<HTMLElement>("a, button")?.focus();
}
