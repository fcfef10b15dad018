// The query parameters and headers of the REST API. PostgREST describes each as text without saying which.

import { columnDescription } from "./comments.ts";
import type { Parameter, Schema } from "./document.ts";
import type { RestFacts } from "./rest-facts.ts";
import { listSchema, typeFilter } from "./rest-filters.ts";

const texts: Record<string, string> = {
  select:
    "Columns, and embedded rows of other tables: `id,title,host:profiles(display_name)`. The rows then have these alone.",
  limit: "The largest number of rows.",
  offset: "The number of rows to skip.",
  Range: "First and last row, from 0: `0-19`.",
  "Range-Unit": "`items`.",
  on_conflict: "Columns of the unique constraint that an upsert uses.",
};

const schemas: Record<string, Schema> = {
  limit: { type: "integer", format: "int32", minimum: 0, maximum: 2 ** 31 - 1 },
  offset: { type: "integer", format: "int32", minimum: 0, maximum: 2 ** 31 - 1 },
  Range: { type: "string", pattern: "^[0-9]{1,9}-([0-9]{1,9})?$" },
  "Range-Unit": { type: "string", const: "items" },
};

const answers = {
  "return=representation": "returns the rows",
  "return=minimal": "an answer without content, as without this header",
  "return=headers-only": "an answer without content",
  "resolution=merge-duplicates": "turns an insert into an upsert",
  "resolution=ignore-duplicates": "leaves out rows that exist",
};

/** By PostgREST's own names of the parameters. */
const preferences: Record<string, (keyof typeof answers)[]> = {
  preferReturn: ["return=representation", "return=minimal"],
  preferPost: ["return=representation", "return=minimal", "return=headers-only"],
  preferUpsert: Object.keys(answers) as (keyof typeof answers)[],
};

export interface SharedParameters {
  parameters: Record<string, Parameter>;
  /** The schemas of filters, by name. */
  filters: Record<string, Schema>;
}

/** The parameters that operations refer to, by name. */
export function sharedParameters(described: Record<string, Parameter>, facts: RestFacts): SharedParameters {
  const shared: SharedParameters = { parameters: {}, filters: {} };
  const columns: Record<string, [name: string, type: string][]> = {};
  for (const [key, parameter] of Object.entries(described)) {
    const [kind, table = ""] = key.split(".");
    const { name, in: location, description = "", schema } = parameter;
    if (kind === "rowFilter") {
      const [filter, pattern] = typeFilter(schema.format ?? "text", facts);
      shared.filters[filter] = pattern;
      columns[table] = [...(columns[table] ?? []), [name, schema.format ?? "text"]];
      shared.parameters[key] = {
        name,
        in: location,
        description: columnDescription(description),
        schema: { $ref: `#/components/schemas/${filter}` },
      };
    } else if (!key.startsWith("prefer") && key !== "order") {
      // `Prefer: params=…`, which PostgREST 13 dropped, and `count=none`, the default, are left out
      shared.parameters[key] = {
        name,
        in: location,
        description: texts[name] ?? columnDescription(description),
        schema: schemas[name] ?? { type: "string" },
      };
    }
  }
  for (const [table, names] of Object.entries(columns)) shared.parameters[`order.${table}`] = order(names);
  for (const [name, values] of Object.entries(preferences)) shared.parameters[name] = prefer(values);
  return shared;
}

/** The columns to sort a table by; those of JSON have paths. */
function order(columns: [name: string, type: string][]): Parameter {
  const names = columns.map(([name, type]) =>
    type.startsWith("json") ? String.raw`${name}(->>?\w+)*` : name,
  );
  const sort = String.raw`(${names.join("|")})(\.(asc|desc))?(\.nulls(first|last))?`;
  return {
    name: "order",
    in: "query",
    description: "Columns to sort by: `created_at.desc,id`.",
    schema: { type: "string", pattern: `^${sort}(,${sort})*$` },
  };
}

function prefer(values: (keyof typeof answers)[]): Parameter {
  return {
    name: "Prefer",
    in: "header",
    description: `${values.map((value) => `\`${value}\`: ${answers[value]}`).join("; ")}. Commas join several.`,
    schema: {
      type: "string",
      pattern: `^(${values.join("|")})(, ?(${values.join("|")}))*$`,
      examples: values,
    },
  };
}

/** The arguments of a function in the query. PostgREST reads a list as Postgres writes it. */
export function argumentParameters({ properties = {}, required = [] }: Schema): Parameter[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    ...(schema.type === "array"
      ? {
          description: "A list: `{first,second}`.",
          schema: listSchema(schema.items ?? {}),
        }
      : { schema }),
  }));
}
