// The query parameters and headers of the REST API. PostgREST describes each as text without saying which.

import { columnDescription } from "./comments.ts";
import type { Parameter, Schema } from "./document.ts";

const texts: Record<string, string> = {
  select:
    "Columns, and embedded rows of other tables: `id,title,host:profiles(display_name)`. The rows then have these alone.",
  order: "Columns to sort by: `created_at.desc,id`.",
  limit: "The largest number of rows.",
  offset: "The number of rows to skip.",
  Range: "First and last row, from 0: `0-19`.",
  "Range-Unit": "`items`.",
  on_conflict: "Columns of the unique constraint that an upsert uses.",
};

const column = "[a-z_][a-z0-9_]*";
const path = String.raw`(->>?\w+)*`;
const sort = `${column}${path}(\\.(asc|desc))?(\\.nulls(first|last))?`;

/** What PostgREST can parse; whether a column of the name exists is another question. */
const schemas: Record<string, Schema> = {
  order: { type: "string", pattern: `^${sort}(,${sort})*$` },
  limit: { type: "integer", minimum: 0 },
  offset: { type: "integer", minimum: 0 },
  Range: { type: "string", pattern: "^[0-9]+-[0-9]*$" },
  "Range-Unit": { type: "string", const: "items" },
};

const element = String.raw`[^{}",\\\s]+`;
/** A list as Postgres writes it, whose elements need no quotes. */
const list = String.raw`\{(${element}(,${element})*)?\}`;
const member = String.raw`("[^"\\]*"|[^",()]*)`;

const compared = "(eq|neq|gte?|lte?|i?like|i?match)";
/** Operators with their values, as far as those are not any text. */
const filters = [
  String.raw`${compared}\.`,
  String.raw`${compared}\((any|all)\)\.${list}$`,
  String.raw`in\.\(${member}(,${member})*\)$`,
  String.raw`is\.(null|true|false|unknown)$`,
  String.raw`(isdistinct|c[sd]|ov|s[lr]|nx[rl]|adj)\.`,
  String.raw`(pl|ph|w)?fts(\([a-z_]+\))?\.`,
].join("|");

/** The filters of columns. A filter is text, whatever the column's type. */
export const filterSchema: Schema = {
  type: "string",
  description: "An operator and a value: `eq.Lisboa`, `lt.10000`, `in.(draft,paused)`, `not.is.null`.",
  pattern: `^(not\\.)?(${filters})`,
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

/** The parameters that operations refer to, by name. */
export function sharedParameters(parameters: Record<string, Parameter>): Record<string, Parameter> {
  const lifted = Object.entries(parameters)
    // `Prefer: params=…`, which PostgREST 13 dropped, and `count=none`, the default
    .filter(([name]) => !name.startsWith("prefer"))
    .map(([name, parameter]) => [name, lift(name, parameter)]);
  const prefer = Object.entries(preferences).map(([name, values]): [string, Parameter] => [
    name,
    {
      name: "Prefer",
      in: "header",
      description: `${values.map((value) => `\`${value}\`: ${answers[value]}`).join("; ")}. Commas join several.`,
      schema: {
        type: "string",
        pattern: `^(${values.join("|")})(, ?(${values.join("|")}))*$`,
        examples: values,
      },
    },
  ]);
  return Object.fromEntries([...lifted, ...prefer]);
}

function lift(key: string, { name, in: location, description = "" }: Parameter): Parameter {
  if (key.startsWith("rowFilter.")) {
    const schema = { $ref: "#/components/schemas/Filter" };
    return { name, in: location, description: columnDescription(description), schema };
  }
  return {
    name,
    in: location,
    description: texts[name] ?? columnDescription(description),
    schema: schemas[name] ?? { type: "string" },
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
          schema: { type: "string", pattern: `^${list}$` },
        }
      : { schema }),
  }));
}
