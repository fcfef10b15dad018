// The filters of columns: the operators of PostgREST, with the values that the type of the column takes.

import type { Schema } from "./document.ts";
import type { RestFacts } from "./rest-facts.ts";

/** Every day of the calendar from 1000 on, but the last day of February in the years 1200, 1600 and so on. */
const date =
  "([1-9][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))" +
  "|[1-9][0-9](0[48]|[2468][048]|[13579][26])-02-29)";
const time = String.raw`([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?`;
const decimal = String.raw`-?[0-9]{1,15}(\.[0-9]{1,15})?`;
/** JSON: texts that need no escapes, and other values; objects of them; lists of both. */
const text = String.raw`"[^"\\\x00-\x1f]*"`;
const scalar = `(${text}|-?(0|[1-9][0-9]{0,14})|null|true|false)`;
const object = String.raw`\{(${text}:${scalar}(,${text}:${scalar})*)?\}`;
const json = String.raw`(${scalar}|${object}|\[((${scalar}|${object})(,(${scalar}|${object}))*)?\])`;

/** An element of a list, as Postgres writes it, that needs no quotes. */
const element = String.raw`[^{}",\\\s\x00-\x1f]+`;
const listOf = (value: string) => String.raw`\{(${value}(,${value})*)?\}`;

/** One value of each type, as Postgres reads it. Whole numbers have as many digits as always fit. */
const values = {
  bigint: "-?[0-9]{1,18}",
  boolean: "(true|false)",
  date,
  "double precision": decimal,
  integer: "-?[0-9]{1,9}",
  numeric: decimal,
  smallint: "-?[0-9]{1,4}",
  "timestamp with time zone": `${date}([T ]${time}(Z|[+-](0[0-9]|1[0-4])(:[0-5][0-9])?)?)?`,
  "time without time zone": time,
  uuid: "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
};
const valueOfType = (type: string): string | undefined => (values as Record<string, string>)[type];

const compared = "(eq|neq|gte?|lte?)";
/** With `(any)` or `(all)` of a list. */
const quantified = "(eq|gte?|lte?)";
const contained = "(c[sd]|ov)";

function filter(operators: string[], description: string): Schema {
  return { type: "string", description, pattern: `^(not\\.)?(${operators.join("|")})$` };
}

function filterOf(value: string, example: string, ...more: string[]): Schema {
  const operators = [
    String.raw`(${compared}|isdistinct)\.${value}`,
    String.raw`${quantified}\((any|all)\)\.${listOf(value)}`,
    String.raw`in\.\((${value}(,${value})*)?\)`,
    String.raw`is\.null`,
    ...more,
  ];
  return filter(operators, `An operator and a value: ${example}, \`not.is.null\`.`);
}

function listFilterOf(value: string): Schema {
  const list = listOf(value);
  const operators = [String.raw`(${compared}|isdistinct|${contained})\.${list}`, String.raw`is\.null`];
  return filter(
    operators,
    "An operator and a list: `cs.{…}` contains all, `cd.{…}` has no other, `ov.{…}` has one.",
  );
}

const member = String.raw`("[^"\\]*"|[^",()]*)`;
/** A regular expression without repetition and groups, of which a half may be none. */
const expression = String.raw`[^\\*+?(){}\[\]]`;
const languages = "(simple|english|french|german|italian|portuguese|spanish)";

const textFilter = filter(
  [
    String.raw`(${compared}|isdistinct)\.[\s\S]*`,
    String.raw`i?like\.[^\\]*`,
    String.raw`i?match\.${expression}*`,
    String.raw`(${quantified}|i?like)\((any|all)\)\.${listOf(element)}`,
    String.raw`in\.\(${member}(,${member})*\)`,
    String.raw`is\.null`,
    String.raw`fts(\(${languages}\))?\.[a-z0-9]+([&|][a-z0-9]+)*`,
    String.raw`(pl|ph|w)fts(\(${languages}\))?\.[\s\S]*`,
  ],
  "An operator and a value: `eq.Lisboa`, `ilike.*river*`, `in.(draft,paused)`, `not.is.null`.",
);

/** JSON holds commas and brackets, which lists of values would have to quote. */
const jsonFilter = filter(
  [String.raw`(${compared}|isdistinct|c[sd])\.${json}`, String.raw`is\.null`],
  'An operator and a value: `cs.{"key":"value"}` contains it, `not.is.null`.',
);

/** Of columns whose type has no values of its own here. */
const otherFilter = filter([String.raw`is\.null`], "`is.null` or `not.is.null`.");

const examples: Record<string, string> = {
  boolean: "`is.true`",
  date: "`gte.2027-06-04`",
  "timestamp with time zone": "`gte.2027-06-04T15:00:00Z`",
  "time without time zone": "`lt.15:00`",
  uuid: "`eq.5eed0000-0000-4000-8000-000000000104`",
};
const extras: Record<string, string[]> = {
  boolean: [String.raw`is\.(true|false|unknown)`],
};

/** The name of the filter of a type, such as `Filter.uuid`, and its schema. */
export function typeFilter(type: string, facts: RestFacts): [string, Schema] {
  if (type === "text") return ["Filter", textFilter];
  if (type === "jsonb") return ["Filter.jsonb", jsonFilter];
  if (type.endsWith("[]")) {
    const of = type.slice(0, -2);
    const value = of === "text" ? element : valueOfType(of);
    return value === undefined ? ["Filter.other", otherFilter] : [nameOf(`${of}.list`), listFilterOf(value)];
  }
  const labels = facts.types[type]?.labels ?? facts.types[type.replace(/^public\./, "")]?.labels;
  if (labels) return [nameOf(type), filterOf(`(${labels.join("|")})`, `\`eq.${labels[0]}\``)];
  const value = valueOfType(type);
  if (value === undefined) return ["Filter.other", otherFilter];
  return [nameOf(type), filterOf(value, examples[type] ?? "`lt.100`", ...(extras[type] ?? []))];
}

const nameOf = (type: string) => `Filter.${type.replace(/^public\./, "").replaceAll(" ", "_")}`;

/** A list in a query, as Postgres writes it, whose elements need no quotes. */
export function listSchema({ type, format, enum: labels }: Schema): Schema {
  if (labels) return { type: "string", pattern: `^${listOf(`(${labels.join("|")})`)}$` };
  const value = type === "integer" ? values.smallint : format === "uuid" ? values.uuid : element;
  return { type: "string", pattern: `^${listOf(value)}$` };
}
