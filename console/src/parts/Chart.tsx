import { scaleLinear } from "d3-scale";
import { stack } from "d3-shape";
import { outcomeOf, type Tone } from "../data/outcomes.ts";
import { clockTime, dayMs, exactly, number } from "../data/time.ts";
import { Table } from "./Table.tsx";

export type Point = { time: number; outcomes: Readonly<Record<string, number>> };

const width = 960;
const height = 200;
const left = 44;
const bottom = 22;

const tones: readonly Tone[] = ["good", "warn", "bad"];
const toneLabels: Record<Tone, string> = {
  good: "Passed",
  warn: "Limit, quota or credits used up",
  bad: "Refused",
};

type Bars = { time: number } & Record<Tone, number>;

/** Counts by outcome over time, as stacked bars and as a table. */
export function Chart({ points, label }: { points: readonly Point[]; label: string }) {
  const bars = points.map(barsOf);
  const totals = tones.map((tone) => [tone, bars.reduce((sum, bar) => sum + bar[tone], 0)] as const);
  return (
    <figure className="chart" aria-label={label}>
      <ul className="legend">
        {totals
          .filter(([tone, total]) => tone === "good" || total > 0)
          .map(([tone, total]) => (
            <li key={tone}>
              <svg viewBox="0 0 12 12" aria-hidden="true">
                <Swatch tone={tone} />
              </svg>
              {toneLabels[tone]} <strong>{number(total)}</strong>
            </li>
          ))}
      </ul>
      <Plot bars={bars} label={label} />
      <details className="more">
        <summary>Show as a table</summary>
        <div className="table-frame">
          <Table
            caption={label}
            rows={points.filter(({ outcomes }) => Object.keys(outcomes).length > 0)}
            keyOf={({ time }) => String(time)}
            columns={[
              { label: "From", cell: ({ time }) => exactly(time) },
              { label: "Outcomes", cell: ({ outcomes }) => sentenceOf(outcomes) },
            ]}
          />
        </div>
      </details>
    </figure>
  );
}

/** The legend's mark for a tone. Each tone has its own shape, because not everyone can tell colors apart. */
function Swatch({ tone }: { tone: Tone }) {
  if (tone === "good") return <rect className="good" width="12" height="12" rx="3" />;
  if (tone === "warn") return <circle className="warn" cx="6" cy="6" r="6" />;
  return <path className="bad" d="M6 0l6 12H0z" />;
}

function Plot({ bars, label }: { bars: readonly Bars[]; label: string }) {
  const most = Math.max(4, ...bars.map((bar) => bar.good + bar.warn + bar.bad));
  const y = scaleLinear([0, most], [height - bottom, 4]).nice(3);
  const step = (width - left) / Math.max(1, bars.length);
  const layers = stack<Bars, Tone>().keys(tones)([...bars]);
  const every = Math.ceil(bars.length / 6);
  const isLong = (bars.at(-1)?.time ?? 0) - (bars[0]?.time ?? 0) > 2 * dayMs;
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`${label}. The table below has the numbers.`}
    >
      <g className="grid">
        {y.ticks(3).map((tick) => (
          <g key={tick} transform={`translate(0 ${y(tick)})`}>
            <line x1={left} x2={width} />
            <text x={left - 8} dy="0.32em" textAnchor="end">
              {compact.format(tick)}
            </text>
          </g>
        ))}
      </g>
      {layers.map((layer) => (
        <g key={layer.key} className={layer.key}>
          {layer.map(([from, to], index) =>
            to > from ? (
              <rect
                key={bars[index]?.time}
                x={left + index * step + step * 0.14}
                width={step * 0.72}
                y={y(to)}
                height={Math.max(1, y(from) - y(to))}
                rx={Math.min(2, step * 0.2)}
              />
            ) : null,
          )}
        </g>
      ))}
      {bars.map((bar, index) => (
        <g key={bar.time}>
          <rect className="hover" x={left + index * step} width={step} height={height - bottom}>
            <title>{titleOf(bar)}</title>
          </rect>
          {index % every === 0 ? (
            <text x={left + index * step} y={height - 5}>
              {isLong ? day.format(bar.time) : clockTime(bar.time).slice(0, 5)}
            </text>
          ) : null}
        </g>
      ))}
    </svg>
  );
}

const compact = new Intl.NumberFormat("en", { notation: "compact" });
const day = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });

function barsOf({ time, outcomes }: Point): Bars {
  const bars: Bars = { time, good: 0, warn: 0, bad: 0 };
  for (const [code, count] of Object.entries(outcomes)) bars[outcomeOf(code).tone] += count;
  return bars;
}

function titleOf({ time, good, warn, bad }: Bars): string {
  return `${exactly(time)}: ${number(good)} passed, ${number(warn)} with a limit, quota or credits used up, ${number(bad)} refused`;
}

function sentenceOf(outcomes: Point["outcomes"]): string {
  const parts = Object.entries(outcomes).map(([code, count]) => `${outcomeOf(code).label} ${number(count)}`);
  return parts.join(", ");
}
