// Decides by dates alone whether stays fit into identical units: tries every arrangement. For the tests of units.

export interface UnitStay {
  kind: "stay" | "block" | "channel";
  /** Days after today. */
  from: number;
  until: number;
  before: number;
  after: number;
}

/** Whether two stays cannot have the same unit. */
export function stayClashes(a: UnitStay, b: UnitStay): boolean {
  if (a.kind === "channel" && b.kind === "channel") return false;
  const [first, last] = a.from <= b.from ? [a, b] : [b, a];
  if (last.from < first.until) return true;
  if (a.kind === "block" || b.kind === "block") return false;
  return last.from - first.until < Math.max(first.after, last.before);
}

/**
 * Whether all of `movable` find a unit.
 * @param fixed what each unit has that stays where it is
 */
export function allFit(movable: UnitStay[], fixed: UnitStay[][]): boolean {
  const stays = [...movable].sort((a, b) => a.from - b.from || b.until - a.until);
  const units = fixed.map((unit) => [...unit]);
  let steps = 0;
  const arrange = (k: number): boolean => {
    const stay = stays[k];
    if (stay === undefined) return true;
    steps += 1;
    if (steps > 2_000_000) throw new Error("too many stays for the oracle");
    const tried = new Set<string>();
    for (const unit of units) {
      if (unit.some((other) => stayClashes(other, stay))) continue;
      // Units that will look the same to all later stays.
      const rest = unit
        .filter(({ until }) => until + 2 > stay.from)
        .map(({ kind, from, until, before, after }) => [kind, from, until, before, after].join());
      const key = rest.sort().join(";");
      if (tried.has(key)) continue;
      tried.add(key);
      unit.push(stay);
      if (arrange(k + 1)) return true;
      unit.pop();
    }
    return false;
  };
  return arrange(0);
}
