// Decides which statements are prepared: those that are repeated, up to a limit.

import { limits } from "./limits.ts";

export class PreparedStatements {
  readonly #seen = new Set<string>();
  readonly #kept = new Set<string>();

  /** Whether to prepare a statement: from its second use on, until the limit is reached. */
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
