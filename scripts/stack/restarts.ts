// How often a part that dies is started again: up to five times a minute, after pauses that double from 0.1 s on.

const limit = 5;
const period = 60_000;

export class Restarts {
  #times: number[] = [];

  /** Whether another start would be one too many. @param now in ms since 1970 */
  exhausted(now = Date.now()): boolean {
    return this.#times.filter((time) => time > now - period).length >= limit;
  }

  /** The pause before the next start, in ms; undefined when there were too many. @param now in ms since 1970 */
  next(now = Date.now()): number | undefined {
    this.#times = this.#times.filter((time) => time > now - period);
    if (this.#times.length >= limit) return undefined;
    this.#times.push(now);
    return 100 * 2 ** (this.#times.length - 1);
  }
}
