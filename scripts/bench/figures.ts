// What a benchmark answers, and how it is shown.

export interface Figure {
  name: string;
  /** A text where there is nothing to measure, as the kind of a plan. */
  value: number | string;
  unit: string;
  /** The value must not be over it. */
  budget?: number;
  /** The value must not be under it. */
  atLeast?: number;
}

export function isMet({ value, budget, atLeast }: Figure): boolean {
  return (
    (budget === undefined || Number(value) <= budget) && (atLeast === undefined || Number(value) >= atLeast)
  );
}

/** One line a figure: name, value, what it must be, whether it is. */
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
