// Pages of lists: filters by fields of the same name, by time, and cursors.

import { invalid, missing } from "./errors.ts";
import { list, type Parameters, text } from "./form.ts";
import type { Item } from "./objects.ts";

const cursors = new Set(["ending_before", "expand", "limit", "starting_after"]);

/**
 * A page of `items`, which are newest first. Every parameter but the cursors is a filter.
 * @param url address of the list
 */
export function page(items: Item[], parameters: Parameters, url: string) {
  const limit = Number(text(parameters, "limit") ?? 10);
  if (!(limit >= 1 && limit <= 100)) {
    throw invalid("This value must be between 1 and 100.", "limit", "parameter_invalid_integer");
  }
  const after = text(parameters, "starting_after");
  const before = text(parameters, "ending_before");
  if (after !== undefined && before !== undefined) {
    throw invalid("You may only specify one of these parameters: ending_before, starting_after.");
  }
  const filters = Object.keys(parameters).filter((name) => !cursors.has(name));
  const found = items.filter((item) => filters.every((name) => matches(item, name, parameters)));
  let start = 0;
  let end = limit;
  if (after !== undefined) {
    start = indexOf(found, items, after, "starting_after") + 1;
    end = start + limit;
  } else if (before !== undefined) {
    end = indexOf(found, items, before, "ending_before");
    start = Math.max(0, end - limit);
  }
  return {
    object: "list" as const,
    data: found.slice(start, end),
    has_more: before === undefined ? found.length > end : start > 0,
    url,
  };
}

/** The position of a cursor. A cursor that the filters exclude counts by its position in the whole list. */
function indexOf(found: Item[], items: Item[], id: string, param: string): number {
  const position = items.findIndex((item) => item.id === id);
  const [first] = items;
  if (position === -1) throw missing(first?.object ?? "object", id, param);
  const exact = found.findIndex((item) => item.id === id);
  if (exact !== -1) return exact;
  const newer = new Set(items.slice(0, position).map((item) => item.id));
  return found.filter((item) => newer.has(item.id)).length - (param === "starting_after" ? 1 : 0);
}

function matches(item: Item, name: string, parameters: Parameters): boolean {
  const wanted = parameters[name];
  const fields = item as unknown as Record<string, unknown>;
  if (name === "types") return list(parameters, name).some((type) => isOfType(String(fields.type), type));
  if (name === "created") return isWithin(Number(fields.created), wanted);
  if (name === "type") return isOfType(String(fields.type), String(wanted));
  if (name === "currency") return fields.currency === String(wanted).toLowerCase();
  return fields[name] === wanted;
}

/** A type of events may end in a wildcard, such as `charge.*`. */
function isOfType(type: string, wanted: string): boolean {
  return wanted.endsWith("*") ? type.startsWith(wanted.slice(0, -1)) : type === wanted;
}

function isWithin(created: number, range: Parameters[string]): boolean {
  if (typeof range !== "object" || Array.isArray(range)) return created === Number(range);
  const bound = (name: string, fallback: number) => Number(text(range, name) ?? fallback);
  return (
    created > bound("gt", -Infinity) &&
    created >= bound("gte", -Infinity) &&
    created < bound("lt", Infinity) &&
    created <= bound("lte", Infinity)
  );
}
