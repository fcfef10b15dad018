// Dates of benchmarks.

/** The date so many days from today, YYYY-MM-DD in UTC. */
export function day(ahead: number): string {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
}
