// The settings of a request's transaction, as PostgREST has them: role, claims, search path, and those of `alter role … set`.

import type { Run } from "./sql.ts";

/** The caller of a request, whose token has been verified. */
export interface Caller {
  /** The role of the transaction: `anon`, `authenticated` or `service_role`. */
  role: string;
  /** Claims of the token as JSON, for `auth.uid()` and the policies. */
  claims: string;
  /** Headers of the request as a JSON object with lower-case names. */
  headers?: string;
}

/** Names and values of settings, by role. */
export type RoleSettings = ReadonlyMap<string, readonly (readonly [name: string, value: string])[]>;

const ROLE_SETTINGS = `
select r.rolname as role, split_part(s.setting, '=', 1) as name, substr(s.setting, strpos(s.setting, '=') + 1) as value
from pg_catalog.pg_auth_members as m
join pg_catalog.pg_roles as r on r.oid = m.roleid
cross join unnest(r.rolconfig) as s (setting)
join pg_catalog.pg_settings as p on p.name = split_part(s.setting, '=', 1)
where
    m.member = current_user::regrole
    and p.name <> 'default_transaction_isolation'
    and (p.context = 'user' or pg_catalog.has_parameter_privilege(p.name, 'set'))`;

/** Reads the settings of `alter role … set` for the roles of callers, because Postgres applies them at login only. */
export async function readRoleSettings(run: Run): Promise<RoleSettings> {
  const rows = (await run(ROLE_SETTINGS, [])) as readonly { role: string; name: string; value: string }[];
  const byRole = Map.groupBy(rows, ({ role }) => role);
  return new Map(
    [...byRole].map(([role, settings]) => [role, settings.map(({ name, value }) => [name, value])]),
  );
}

/** Reads the function that PostgREST calls at the start of each request, of the same role; undefined when the database has none. */
export async function readPreRequest(run: Run): Promise<string | undefined> {
  const [row] = await run(PRE_REQUEST, []);
  return row?.name as string | undefined;
}

const PRE_REQUEST = `
select split_part(s.setting, '=', 2) as name
from pg_catalog.pg_roles as r
cross join unnest(r.rolconfig) as s (setting)
where
    r.rolname = current_user and split_part(s.setting, '=', 1) = 'pgrst.db_pre_request'
    -- the setting is one of the role, so it holds in databases without the function, too
    and exists (
        select from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where n.nspname || '.' || p.proname = split_part(s.setting, '=', 2)
    )`;

/** The first statement of a request's transaction. Its settings end with the transaction. */
export function enterSession(
  caller: Caller,
  searchPath: string,
  roleSettings: RoleSettings,
): Parameters<Run> {
  const settings = [
    ["search_path", searchPath],
    ["role", caller.role],
    ["request.jwt.claims", caller.claims],
    ["request.method", "POST"],
    ["request.path", "/rpc/graphql"],
    ["request.headers", caller.headers ?? "{}"],
    ["request.cookies", "{}"],
    ...(roleSettings.get(caller.role) ?? []),
  ];
  const calls = settings.map((_, i) => `set_config($${2 * i + 1}::text, $${2 * i + 2}::text, true)`);
  return [`select ${calls.join(", ")}`, settings.flat()];
}
