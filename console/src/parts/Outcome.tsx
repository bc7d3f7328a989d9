import { outcomeOf, type Tone } from "../data/outcomes.ts";
import { Icon, type IconName } from "./Icon.tsx";

const icons: Record<Tone, IconName> = { good: "check", bad: "cross", warn: "wait" };

export function Badge({ tone, children }: { tone?: Tone; children: React.ReactNode }) {
  return (
    <span className={`badge ${tone ?? ""}`}>
      {tone === undefined ? null : <Icon name={icons[tone]} />}
      {children}
    </span>
  );
}

export function Outcome({ code }: { code: string }) {
  const { label, tone } = outcomeOf(code);
  return <Badge tone={tone}>{label}</Badge>;
}
