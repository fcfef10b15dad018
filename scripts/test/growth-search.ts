// The searches that the growth test asks for: each shape of search, as each kind of person.

import { day } from "../bench/dates.ts";
import type { Reader } from "./growth-lists.ts";

export interface Search {
  name: string;
  reader: Reader;
  sql: string;
}

const stay = `p_check_in => '${day(60)}', p_check_out => '${day(63)}'`;
// where a property of the books is
const city = "p_west => -129.2, p_south => -29.2, p_east => -128.8, p_north => -28.8";
const world = "p_west => -180, p_south => -90, p_east => 180, p_north => 90";
const filters = "p_currency => 'EUR', p_max_price => 100000, p_adults => 2";

/** The arguments of a shape, and the functions that take them: search_properties alone where there is an order. */
const shapes: Record<string, string> = {
  "a street": `p_west => -129.01, p_south => -29.01, p_east => -128.99, p_north => -28.99, ${stay}`,
  "a city": `${city}, ${stay}, ${filters}`,
  "a city without dates": city,
  "a city, flexible dates": `${city}, ${stay}, p_flexible_days => 3`,
  "the world": `${world}, ${stay}, ${filters}`,
  "an area by name": `p_area => 'City', ${stay}`,
  "words in a city": `${city}, ${stay}, p_text => 'house'`,
  "words in an area": `p_area => 'City', ${stay}, p_text => 'house'`,
  "rare words in the world": `${world}, p_text => 'lighthouse'`,
  "a circle": `p_latitude => -29, p_longitude => -129, p_radius => 25000, ${stay}`,
};
const sorts = ["price", "distance", "rating", "recommended"];
const readers: Reader[] = ["visitor", "guest", "host", "coHost", "operator"];

export const searches: Search[] = readers.flatMap((reader) =>
  Object.entries(shapes).flatMap(([shape, parts]) => [
    ...sorts.map((sort) => ({
      name: `search of ${shape} by ${sort}, ${reader}`,
      reader,
      sql: `select * from public.search_properties(${parts}, p_sort => '${sort}')`,
    })),
    ...["count_properties", "search_facets"].map((name) => ({
      name: `${name} of ${shape}, ${reader}`,
      reader,
      sql: `select * from public.${name}(${parts})`,
    })),
  ]),
);

/**
 * The orders of a search of the whole world, which a search of few properties does not need. Statistics without histograms make a sort
 * look cheap, so it is disabled: it remains when no index has the order.
 */
export const worldOrders = ["price", "rating", "recommendation", "sample"].map((order) => ({
  name: `candidates of the world by ${order}`,
  sql: `set local enable_sort = off; select private.candidates_of_world_by_${order}(jsonb_populate_record(null::private.search, '{"units": 1}'),
    array[row (null, 1, 1, -20037509, 20037509)::private.search_part], null, null, 20, 40)`,
}));
