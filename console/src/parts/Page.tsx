import { useEffect } from "react";

type Props = {
  title: string;
  /** shown below the title, such as a sentence about the screen or an id */
  lead?: React.ReactNode;
  actions?: React.ReactNode;
  children: React.ReactNode;
};

export function Page({ title, lead, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} - Latchkey`;
  }, [title]);
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1 dir="auto">{title}</h1>
          {lead === undefined ? null : <div className="lead">{lead}</div>}
        </div>
        {actions === undefined ? null : <div className="actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    <section className="card" aria-label={title}>
      <div className="card-head">
        <h2>{title}</h2>
        {actions === undefined ? null : <div className="row">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

/** A list of `Fact` elements. */
export function Facts({ children }: { children: React.ReactNode }) {
  return <dl className="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p className="loading" role="status">
      Loading {what}…
    </p>
  );
}
