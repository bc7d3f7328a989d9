/** One line of a chart, and its points. */
export type Series = { name: string; points: readonly (readonly [x: number, y: number])[] };

export type Chart = {
  title: string;
  xName: string;
  yName: string;
  /** whether the x axis has a logarithmic scale; 0 is drawn at its left end */
  isLogarithmic: boolean;
  series: readonly Series[];
};

const width = 640;
const height = 320;
const left = 64;
const right = 16;
const top = 48;
const bottom = 56;
const colors = ["#2563eb", "#d97706", "#059669"];

/** The chart as an SVG file without references to other files, in colors that are readable on light and dark pages. */
export function svgOf({ title, xName, yName, isLogarithmic, series }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const xs = [...new Set(points.map(([x]) => x))].sort((a, b) => a - b);
  const most = niceMost(Math.max(...points.map(([, y]) => y)));
  const scaled = (x: number) => (isLogarithmic ? Math.log10(Math.max(x, 0.5)) : x);
  const [least, greatest] = [scaled(xs[0] ?? 0), scaled(xs.at(-1) ?? 1)];
  const xAt = (x: number) => left + ((scaled(x) - least) / (greatest - least || 1)) * (width - left - right);
  const yAt = (y: number) => height - bottom - (y / most) * (height - top - bottom);
  const shownXs = xs.length > 10 ? xs.filter((_, index) => index % Math.ceil(xs.length / 8) === 0) : xs;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#6b7280">`,
    `<title>${title}</title>`,
    `<text x="${left}" y="18" font-size="14">${title}</text>`,
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => gridLine(yAt(share * most), numberText(share * most))),
    ...shownXs.map((x) => label(xAt(x), height - bottom + 18, "middle", numberText(x))),
    label((left + width - right) / 2, height - 12, "middle", xName),
    `<text transform="translate(14 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${yName}</text>`,
    ...series.flatMap(({ name, points }, index) => [
      `<polyline fill="none" stroke="${colors[index]}" stroke-width="2" points="${points.map(([x, y]) => `${xAt(x).toFixed(1)},${yAt(y).toFixed(1)}`).join(" ")}"/>`,
      `<text x="${left + index * 190}" y="38" fill="${colors[index]}">${name}</text>`,
    ]),
    "</svg>",
    "",
  ].join("\n");
}

function gridLine(y: number, text: string): string {
  const at = y.toFixed(1);
  return `<line x1="${left}" x2="${width - right}" y1="${at}" y2="${at}" stroke="#6b7280" stroke-opacity="0.3"/>${label(left - 6, y + 4, "end", text)}`;
}

function label(x: number, y: number, anchor: string, text: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${text}</text>`;
}

/** The end of the y axis: the value, rounded up to 1, 2, 4 or 8 times a power of ten. */
function niceMost(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return power * ([1, 2, 4, 8, 10].find((step) => step * power >= value) ?? 10);
}

export function numberText(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US");
}
