// The figures that a benchmark returns, and their table.

export interface Figure {
  name: string;
  /** A number, or a text such as the kind of a plan. */
  value: number | string;
  unit: string;
  /** The largest value that meets the target. */
  budget?: number;
  /** The smallest value that meets the target. */
  atLeast?: number;
}

export function isMet({ value, budget, atLeast }: Figure): boolean {
  return (
    (budget === undefined || Number(value) <= budget) && (atLeast === undefined || Number(value) >= atLeast)
  );
}

/** One line for each figure: name, value, target, and whether the value meets it. */
export function table(figures: Figure[]): string {
  const lines = figures.map((figure) => {
    const { name, value, unit, budget, atLeast } = figure;
    const target =
      budget !== undefined ? `at most ${budget}` : atLeast !== undefined ? `at least ${atLeast}` : "";
    const verdict = target === "" ? "" : isMet(figure) ? "ok" : "MISSED";
    const shown = typeof value === "string" ? value : value.toFixed(value < 100 ? 2 : 0);
    return `${name.padEnd(46)} ${shown.padStart(9)} ${unit.padEnd(18)} ${target.padEnd(14)} ${verdict}`.trimEnd();
  });
  return lines.join("\n");
}
