import { Menu } from "@base-ui/react/menu";
import { isHeld, useSession } from "../data/session.ts";

export type Action = { label: string; needs: string; isDangerous?: boolean; onSelect(): void };

/** A menu of actions. An action whose permission the session lacks is disabled, and names the permission. */
export function ActionMenu({ label, actions }: { label: string; actions: readonly Action[] }) {
  const session = useSession();
  return (
    <Menu.Root>
      <Menu.Trigger className="button">
        {label} <span aria-hidden="true">▾</span>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner sideOffset={4} align="end">
          <Menu.Popup className="menu">
            {actions.map((action) => {
              const lacks = !isHeld(session, action.needs);
              return (
                <Menu.Item
                  key={action.label}
                  className={action.isDangerous === true ? "menu-item danger" : "menu-item"}
                  disabled={lacks}
                  onClick={action.onSelect}
                >
                  {action.label}
                  {lacks ? <span className="small"> needs {action.needs}</span> : null}
                </Menu.Item>
              );
            })}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
