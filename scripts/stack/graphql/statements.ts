// Which statements stay prepared on their connections: those that come again, and not without end.

import { limits } from "./limits.ts";

export class PreparedStatements {
  readonly #seen = new Set<string>();
  readonly #kept = new Set<string>();

  /** Whether to prepare a statement. A text is kept from its second use on, while there is room. */
  keeps(text: string): boolean {
    if (this.#kept.has(text)) return true;
    if (this.#seen.delete(text) && this.#kept.size < limits.preparedStatements) {
      this.#kept.add(text);
      return true;
    }
    if (this.#seen.size >= limits.preparedStatements) this.#seen.clear();
    this.#seen.add(text);
    return false;
  }
}
