// Checks that the migrations create every object once, in its final form. SQL that a `do` block or a function puts together at
// run time is not checked.

import type { AlterTableCmd, Node } from "libpg-query";
import {
  type Migration,
  nameOf,
  readMigrations,
  readStatements,
  relationName,
  type Statement,
  typeName,
} from "../generate/statements.ts";

export interface Exceptions {
  /** Functions with several lists of arguments, each with the reason. */
  overloads: Record<string, string>;
  /** Foreign keys to a table of a later migration, as `schema.table.constraint`, each with the reason. */
  lateForeignKeys: Record<string, string>;
}

const exceptions: Exceptions = {
  overloads: {
    "graphql_shapes.property": "pg_graphql names a relation after its function, and two views have this one",
  },
  lateForeignKeys: {},
};

/** What breaks the rule in the project's migrations, each as `file:line: problem`. */
export async function definitionProblems(root: string): Promise<string[]> {
  return findProblems(readMigrations(root), exceptions);
}

export async function findProblems(migrations: Migration[], allowed: Exceptions): Promise<string[]> {
  const statements = await readStatements(migrations);
  return [
    ...statements.flatMap(changesOfObjects),
    ...secondDefinitions(statements),
    ...overloads(statements, allowed.overloads),
    ...lateAdditions(statements, allowed.lateForeignKeys),
  ];
}

function at({ file, line }: Statement, problem: string): string {
  return `${file}:${line}: ${problem}`;
}

/** Statements that set what `create` cannot, or that change what is not the project's. */
const allowedStatements = new Set([
  "AlterDefaultPrivilegesStmt",
  "AlterPublicationStmt",
  "AlterRoleSetStmt",
  "AlterStatsStmt",
  "AlterTableStmt",
]);

const allowedTableChanges = new Set([
  "AT_AddColumn",
  "AT_AddConstraint",
  "AT_AttachPartition",
  "AT_EnableRowSecurity",
  "AT_ForceRowSecurity",
  "AT_ReplicaIdentity",
  "AT_SetCompression",
  "AT_SetOptions",
  "AT_SetRelOptions",
  "AT_SetStatistics",
  "AT_SetStorage",
]);

function changesOfObjects(statement: Statement): string[] {
  const { node, sql } = statement;
  const [kind = ""] = Object.keys(node);
  const changes = /^(Alter|Drop|Rename)/.test(kind) && !allowedStatements.has(kind);
  const tableChanges = commandsOf(node).some(({ subtype = "" }) => !allowedTableChanges.has(subtype));
  const hides = /^create\s+(or\s+replace|(?!extension)\w+(\s+\w+)?\s+if\s+not\s+exists)\b/i.test(sql);
  const unscheduled = cronJobs(node, "unschedule").length > 0;
  if (!changes && !tableChanges && !hides && !unscheduled) return [];
  const start = sql.replaceAll(/\s+/g, " ").slice(0, 70);
  return [at(statement, `"${start}": create every object once, in its final form.`)];
}

function secondDefinitions(statements: Statement[]): string[] {
  const first = new Map<string, Statement>();
  const problems: string[] = [];
  for (const statement of statements) {
    for (const object of createdObjects(statement.node)) {
      const earlier = first.get(object);
      if (earlier === undefined) first.set(object, statement);
      else problems.push(at(statement, `${object} is already defined at ${earlier.file}:${earlier.line}.`));
    }
  }
  return problems;
}

/** The objects that a statement creates, by kind and name. */
function createdObjects(node: Node): string[] {
  if ("CreateFunctionStmt" in node) {
    const { funcname, parameters } = node.CreateFunctionStmt;
    return [`function ${nameOf(funcname)}(${argumentTypes(parameters)})`];
  }
  if ("CreateStmt" in node) return [`relation ${relationName(node.CreateStmt.relation)}`];
  if ("ViewStmt" in node) return [`relation ${relationName(node.ViewStmt.view)}`];
  if ("CreateTableAsStmt" in node) return [`relation ${relationName(node.CreateTableAsStmt.into?.rel)}`];
  if ("CreateSeqStmt" in node) return [`relation ${relationName(node.CreateSeqStmt.sequence)}`];
  if ("CompositeTypeStmt" in node) return [`type ${relationName(node.CompositeTypeStmt.typevar)}`];
  if ("CreateEnumStmt" in node) return [`type ${nameOf(node.CreateEnumStmt.typeName)}`];
  if ("CreateRangeStmt" in node) return [`type ${nameOf(node.CreateRangeStmt.typeName)}`];
  if ("CreateDomainStmt" in node) return [`type ${nameOf(node.CreateDomainStmt.domainname)}`];
  if ("IndexStmt" in node) {
    const { idxname, relation } = node.IndexStmt;
    return idxname === undefined ? [] : [`index ${relation?.schemaname}.${idxname}`];
  }
  if ("CreatePolicyStmt" in node) {
    const { policy_name: name, table } = node.CreatePolicyStmt;
    return [`policy "${name}" on ${relationName(table)}`];
  }
  if ("CreateTrigStmt" in node) {
    const { trigname, relation } = node.CreateTrigStmt;
    return [`trigger ${trigname} on ${relationName(relation)}`];
  }
  if ("CreateCastStmt" in node) {
    const { sourcetype, targettype } = node.CreateCastStmt;
    return [`cast from ${typeName(sourcetype)} to ${typeName(targettype)}`];
  }
  if ("DefineStmt" in node) {
    const { kind = "", defnames, args, definition } = node.DefineStmt;
    const types = kind === "OBJECT_OPERATOR" ? operandTypes(definition) : aggregateTypes(args);
    return [`${kind.replace("OBJECT_", "").toLowerCase()} ${nameOf(defnames)}(${types})`];
  }
  return cronJobs(node, "schedule").map((job) => `cron job ${job}`);
}

function overloads(statements: Statement[], allowed: Exceptions["overloads"]): string[] {
  const first = new Map<string, { statement: Statement; types: string }>();
  const overloaded = new Set<string>();
  const problems: string[] = [];
  for (const statement of statements) {
    if (!("CreateFunctionStmt" in statement.node)) continue;
    const { funcname, parameters } = statement.node.CreateFunctionStmt;
    const [name, types] = [nameOf(funcname), argumentTypes(parameters)];
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, { statement, types });
    else if (earlier.types !== types) {
      overloaded.add(name);
      if (allowed[name] !== undefined) continue;
      const { file, line } = earlier.statement;
      problems.push(
        at(statement, `function ${name} has other arguments at ${file}:${line}: use another name.`),
      );
    }
  }
  return [...problems, ...unused(allowed, overloaded, "is listed as an overloaded function and is none")];
}

/** Columns and constraints that a later migration than the table's adds to it. */
function lateAdditions(statements: Statement[], allowed: Exceptions["lateForeignKeys"]): string[] {
  const tables = new Map(
    statements.flatMap(({ node, file }) =>
      "CreateStmt" in node ? [[relationName(node.CreateStmt.relation), file] as const] : [],
    ),
  );
  const late = new Set<string>();
  const problems: string[] = [];
  for (const statement of statements) {
    if (!("AlterTableStmt" in statement.node)) continue;
    const table = relationName(statement.node.AlterTableStmt.relation);
    const home = tables.get(table);
    if (home === undefined || home === statement.file) continue;
    for (const { subtype, def } of commandsOf(statement.node)) {
      if (subtype !== "AT_AddColumn" && subtype !== "AT_AddConstraint") continue;
      if (def === undefined || !("ColumnDef" in def || "Constraint" in def)) continue;
      const added = "ColumnDef" in def ? def.ColumnDef.colname : def.Constraint.conname;
      const name = `${table}.${added}`;
      const isForeignKey = "Constraint" in def && def.Constraint.contype === "CONSTR_FOREIGN";
      if (isForeignKey) late.add(name);
      if (isForeignKey && allowed[name] !== undefined) continue;
      problems.push(at(statement, `${name} is added after its table: define it in ${home}.`));
    }
  }
  return [...problems, ...unused(allowed, late, "is listed as a foreign key to a later table and is none")];
}

function unused(allowed: Record<string, string>, used: Set<string>, problem: string): string[] {
  return Object.keys(allowed)
    .filter((name) => !used.has(name))
    .map((name) => `scripts/test/definitions.ts: ${name} ${problem}.`);
}

function commandsOf(node: Node): AlterTableCmd[] {
  if (!("AlterTableStmt" in node)) return [];
  return (node.AlterTableStmt.cmds ?? []).flatMap((command) =>
    "AlterTableCmd" in command ? command.AlterTableCmd : [],
  );
}

/** The types that tell one function from another of its name. */
function argumentTypes(parameters: Node[] = []): string {
  return parameters
    .flatMap((parameter) => ("FunctionParameter" in parameter ? parameter.FunctionParameter : []))
    .filter(({ mode }) => mode !== "FUNC_PARAM_OUT" && mode !== "FUNC_PARAM_TABLE")
    .map(({ argType }) => typeName(argType))
    .join(", ");
}

function aggregateTypes(args: Node[] = []): string {
  return args.flatMap((arg) => ("List" in arg ? argumentTypes(arg.List.items) : [])).join(", ");
}

function operandTypes(definition: Node[] = []): string {
  return definition
    .flatMap((element) => ("DefElem" in element ? element.DefElem : []))
    .flatMap(({ defname = "", arg }) =>
      /^(left|right)arg$/.test(defname) && arg !== undefined && "TypeName" in arg
        ? typeName(arg.TypeName)
        : [],
    )
    .join(", ");
}

/** The names of the jobs that a statement gives to a function of `cron`. */
function cronJobs(node: Node, name: "schedule" | "unschedule"): string[] {
  if (!("SelectStmt" in node)) return [];
  return (node.SelectStmt.targetList ?? []).flatMap((target) => {
    const call = "ResTarget" in target ? target.ResTarget.val : undefined;
    if (call === undefined || !("FuncCall" in call) || nameOf(call.FuncCall.funcname) !== `cron.${name}`)
      return [];
    const [job] = call.FuncCall.args ?? [];
    return job !== undefined && "A_Const" in job ? (job.A_Const.sval?.sval ?? "?") : "?";
  });
}
