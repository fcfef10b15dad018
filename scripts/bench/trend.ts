// Whether a figure that is sampled again and again grows.

export interface Sample {
  /** In seconds. */
  at: number;
  value: number;
}

/** The slope of the straight line that fits best (least squares), as growth in ten minutes. */
export function growthPerTenMinutes(samples: Sample[]): number {
  const mean = (pick: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0) / samples.length;
  const [middle, average] = [mean(({ at }) => at), mean(({ value }) => value)];
  const covariance = mean(({ at, value }) => (at - middle) * (value - average));
  const variance = mean(({ at }) => (at - middle) ** 2);
  return (600 * covariance) / variance;
}
