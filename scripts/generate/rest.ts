// The REST API in the OpenAPI document: PostgREST's description, and facts of the catalogue about privileges, required columns and
// results of functions.

import { columnDescription, withoutDirective } from "./comments.ts";
import type { Answers, Operation, Parameter, Path, Reference, Schema } from "./document.ts";
import type { ErrorFacts, ErrorRow } from "./errors.ts";
import { errorAnswers, json, securityOf } from "./operations.ts";
import type { DescribedOperation, Description } from "./rest-description.ts";
import type { FunctionFacts, RestFacts, Role, TableFacts } from "./rest-facts.ts";
import { argumentParameters, sharedParameters } from "./rest-parameters.ts";
import { nullable, objectSchema, typeSchema } from "./rest-types.ts";
import { describedOperations, taskOf } from "./tasks.ts";

export interface ApiPart {
  paths: Record<string, Path>;
  schemas: Record<string, Schema>;
  parameters: Record<string, Parameter>;
}

const roles: Role[] = ["anon", "authenticated", "service_role"];

/** The paths in the order of their tasks, and the schemas of their bodies. */
export function restPart(description: Description, facts: RestFacts, errors: ErrorFacts): ApiPart {
  const { schemas, parameters } = description.components;
  const shared = sharedParameters(parameters, facts);
  const part: ApiPart = { paths: {}, schemas: shared.filters, parameters: shared.parameters };
  const paths = Object.entries(description.paths).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  for (const [path, item] of paths) {
    const name = path.replace(/^\/(rpc\/)?/, "");
    if (path.startsWith("/rpc/")) {
      const fn = facts.functions[name];
      if (fn) part.paths[`/rest/v1${path}`] = functionPath(name, item, fn, facts, errors);
    } else if (facts.tables[name]) {
      const table = facts.tables[name];
      const row = rowSchema(schemas[name] as Schema, facts);
      Object.assign(part.schemas, { [name]: row, ...inputSchemas(name, row, table) });
      part.paths[`/rest/v1${path}`] = tablePath(name, row.description, item, table, errors);
    }
  }
  return part;
}

/** The operations of a path in the order of their summaries. */
function inOrder(path: Path, name: string): Path {
  const rank = (method: string) => describedOperations.indexOf(`${method} ${name}`);
  return Object.fromEntries(Object.entries(path).sort(([a], [b]) => rank(a) - rank(b)));
}

/** The position of a path on the page, which is that of its first operation. */
function rank(path: string): number {
  return describedOperations.findIndex((operation) => operation.split(" ").at(-1) === path.slice(1));
}

/** Columns that a row must have are NOT NULL; the others may be null. */
function rowSchema({ description, properties = {}, required = [] }: Schema, facts: RestFacts) {
  const columns = Object.entries(properties).map(([name, property]) => {
    const { format = "", description } = property;
    const type = typeSchema(format, facts);
    const schema = required.includes(name) ? type : nullable(type);
    return [name, description ? { ...schema, description: columnDescription(description) } : schema];
  });
  return {
    type: "object",
    ...(description && { description: withoutDirective(description) }),
    required,
    properties: Object.fromEntries(columns) as Record<string, Schema>,
  } satisfies Schema;
}

/** The columns that a client may send, to insert a row and to update one. */
function inputSchemas(name: string, row: ReturnType<typeof rowSchema>, table: TableFacts) {
  const inputs: Record<string, Schema> = {};
  for (const verb of ["insert", "update"] as const) {
    const columns = writers(table, verb).columns.filter((column) => column in row.properties);
    if (columns.length === 0) continue;
    const required = verb === "insert" ? table.required.filter((column) => columns.includes(column)) : [];
    inputs[`${name}.${verb}`] = {
      type: "object",
      ...(required.length > 0 && { required }),
      additionalProperties: false,
      properties: Object.fromEntries(columns.map((column) => [column, row.properties[column] as Schema])),
    };
  }
  return inputs;
}

/** The roles that may write, and the columns of the least privileged one. */
function writers({ privileges }: TableFacts, verb: "insert" | "update") {
  const able = roles.filter((role) => privileges[role][verb].length > 0);
  const first = able[0];
  return { roles: able, columns: first === undefined ? [] : privileges[first][verb] };
}

function tablePath(
  name: string,
  description: string | undefined,
  item: Description["paths"][string],
  table: TableFacts,
  errors: ErrorFacts,
) {
  const rows: Schema = { type: "array", items: { $ref: `#/components/schemas/${name}` } };
  const withRows = "with `Prefer: return=representation`";
  const changed = { description: `The rows, ${withRows}.`, content: json(rows) };
  // One status answers with rows and without, and OpenAPI cannot say when: so the content is an extension.
  const added = (what: string) => ({
    description: `${what}. The rows, a list of \`${name}\`, ${withRows}; else no content.`,
    "x-representation": rows,
  });
  const path: Path = {};
  const add = (method: "get" | "post" | "patch" | "delete", able: Role[], rest: Partial<Operation>) => {
    if (able.length === 0) return;
    const takesUpserts = able.some((role) => table.privileges[role].upsert);
    path[method] = {
      operationId: `${method}_${name}`,
      ...labels(method, name),
      ...(description && { description }),
      security: securityOf(able),
      parameters: parametersOf(name, item[method], takesUpserts),
      ...rest,
      responses: {
        ...rest.responses,
        ...errorAnswers(
          ["400", ...signedIn(able), ...(method === "get" ? ["406", "416"] : ["403", "409"])],
          raised(errors, [`${statements[method]} public.${name}`, `select public.${name}`]),
        ),
      },
    };
  };
  const body = (verb: string, ...more: Schema[]) => {
    const one: Schema = { $ref: `#/components/schemas/${name}.${verb}` };
    return {
      required: true,
      content: json(more.length > 0 ? { oneOf: [one, ...more] } : one),
    };
  };
  const list: Schema = { type: "array", items: { $ref: `#/components/schemas/${name}.insert` } };
  const able = (verb: "select" | "delete") => roles.filter((role) => table.privileges[role][verb]);

  add("get", able("select"), {
    responses: {
      "200": { description: "The rows.", content: json(rows) },
      "206": { description: "The part of the rows that `limit` or `Range` asks for.", content: json(rows) },
    },
  });
  add("post", writers(table, "insert").roles, {
    requestBody: body("insert", list),
    responses: {
      "201": added("Added"),
      "200": added("An upsert that added none"),
    },
  });
  add("patch", writers(table, "update").roles, {
    requestBody: body("update"),
    responses: { "200": changed, "204": { description: "Changed." } },
  });
  add("delete", able("delete"), {
    responses: { "200": changed, "204": { description: "Deleted." } },
  });
  return inOrder(path, name);
}

function functionPath(
  name: string,
  item: Description["paths"][string],
  fn: FunctionFacts,
  facts: RestFacts,
  errors: ErrorFacts,
) {
  const comment = `${item.post?.summary ?? ""}\n${item.post?.description ?? ""}`;
  const description = withoutDirective(comment);
  const able = fn.roles ?? [];
  const operation = {
    ...labels("post", `rpc/${name}`),
    ...(description && { description }),
    security: securityOf(able),
    responses: {
      ...answer(fn, facts),
      ...errorAnswers(["400", ...signedIn(able), "404"], raised(errors, [`public.${name}`])),
    },
  };
  const readsDates = raised(errors, [`public.${name}`]).some(({ code }) => code === "invalid_date");
  const args = argumentsOf(item.post, facts, readsDates);
  const path: Path = {
    post: {
      operationId: `call_${name}`,
      ...operation,
      requestBody: { required: (args.required ?? []).length > 0, content: json(args) },
    },
  };
  if (!fn.volatile) {
    path.get = { operationId: `get_${name}`, ...operation, parameters: argumentParameters(args) };
  }
  return path;
}

const statements = { get: "select", post: "insert", patch: "update", delete: "delete" };

function labels(method: string, path: string): Pick<Operation, "tags" | "summary"> {
  const { tag, summary } = taskOf(method, path);
  return { tags: [tag], summary };
}

function raised({ errors, codes }: ErrorFacts, operations: string[]): ErrorRow[] {
  const found = new Set(operations.flatMap((operation) => codes[operation] ?? []));
  return errors.filter(({ code }) => found.has(code));
}

/** PostgREST's parameters without those of `Prefer` that say nothing, and without upserts where a table takes none. */
function parametersOf(
  table: string,
  operation: DescribedOperation | undefined,
  takesUpserts: boolean,
): Reference[] {
  return (operation?.parameters ?? [])
    .filter(({ $ref }) => !$ref.endsWith("/preferCount"))
    .map(({ $ref }) => $ref.replace(/\/order$/, `/order.${table}`))
    .map(($ref) => ({ $ref: takesUpserts ? $ref.replace(/preferPost$/, "preferUpsert") : $ref }));
}

/** The status for callers who are not signed in, where they must be. */
const signedIn = (able: Role[]): string[] => (able.includes("anon") ? [] : ["401"]);

function answer(fn: FunctionFacts, facts: RestFacts): Answers {
  if (fn.returns === "void") return { "204": { description: "Done." } };
  const type = fn.fields ? objectSchema(fn.fields, facts) : typeSchema(fn.returns, facts);
  // Postgres promises no value, and some functions say with null that there is none.
  const one = fn.set || fn.fields || facts.types[fn.returns] ? type : nullable(type);
  return {
    "200": { description: "The result.", content: json(fn.set ? { type: "array", items: one } : one) },
  };
}

/** Arguments that are dates as text, so that the function itself can say what is wrong with one. */
const dates = ["p_check_in", "p_check_out", "p_from", "p_to", "p_until"];
const month: Schema = { type: "string", pattern: "^20[0-9]{2}-(0[1-9]|1[0-2])$", examples: ["2027-06"] };

function argumentsOf(post: DescribedOperation | undefined, facts: RestFacts, readsDates: boolean): Schema {
  const schema = post?.requestBody?.content["application/json"]?.schema;
  const properties = Object.entries(schema?.properties ?? {}).map(([name, property]) => [
    name,
    readsDates && name === "p_month"
      ? month
      : typeSchema(readsDates && dates.includes(name) ? "date" : (property.format ?? "text"), facts),
  ]);
  return {
    type: "object",
    ...(schema?.required && { required: schema.required }),
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}
