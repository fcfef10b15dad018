// The seed's own rows at the beginning of the past.

import type { Sql } from "postgres";

/** Moves what supabase/seed.sql made a moment ago to the beginning of the past. @param start milliseconds since 1970 */
export async function backdate(sql: Sql, start: number): Promise<void> {
  const columns = await sql<{ table: string; columns: string[] }[]>`
    select c.oid::regclass::text as table, array_agg(quote_ident(a.attname) order by a.attnum) as columns
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.atttypid = 'timestamptz'::regtype and a.attgenerated = ''
    where c.relkind = 'r' and (
      c.relnamespace in ('public'::regnamespace)
      or c.oid = any ('{auth.users,auth.identities,storage.objects,private.property_events,private.files}'::regclass[])
    )
    group by c.oid order by 1`;
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    const seededAt = `now() - interval '1 hour'`;
    const begun = `timestamptz '${new Date(start).toISOString()}'`;
    for (const { table, columns: names } of columns) {
      const sets = names.map(
        (name) =>
          `${name} = case when ${name} > ${seededAt} and ${name} <= now() then ${begun} else ${name} end`,
      );
      await tx.unsafe(`update ${table} set ${sets.join(", ")}`);
    }
    await tx`update public.profiles set member_since = ${new Date(start)}`;
  });
}
