// How far a replica is behind, from the positions of the primary's log and the times at which they were seen.

/** In ms: a replica that is further behind is so far behind, at least. */
const remembered = 600_000;

export class LogPositions {
  /** Each with the moment it was first seen, and the look before, when the primary had not reached it yet. */
  #seen: { position: bigint; at: number; since: number }[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param now in ms */
  add(position: bigint, now: number): void {
    if (position !== this.#seen.at(-1)?.position) {
      this.#seen.push({ position, at: now, since: this.#lookedAt });
      this.#forget(now - remembered);
    }
    this.#lookedAt = now;
  }

  /**
   * For how long, in ms, the primary may have had changes that a replica lacks. One that lacks none is as late as the last look at the
   * primary.
   *
   * @param position what the replica has applied
   * @param now in ms
   */
  lag(position: bigint, now: number): number {
    const missing = this.#seen.find((seen) => seen.position > position);
    return now - (missing?.since ?? this.#lookedAt);
  }

  /** What a replica lacked before is lacking in the next position, too. */
  #forget(before: number): void {
    for (;;) {
      const [first, second] = this.#seen;
      if (first === undefined || second === undefined || second.at >= before) return;
      second.since = first.since;
      this.#seen.shift();
    }
  }
}
