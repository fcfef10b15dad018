// What only the service may do with users: list, create, read, change and delete them, and their factors; and the audit log.

import { createHash } from "node:crypto";
import { z } from "zod";
import { requireFactor, requireService } from "./access.ts";
import type { Auth, Handler } from "./auth-service.ts";
import { type Call, checkEmail, fieldsOf, flag, isUuid, object, text } from "./call.ts";
import { AuthError, emailExists, invalid } from "./errors.ts";
import { removeFactor } from "./factors.ts";
import { voidTokens } from "./one-time-tokens.ts";
import { checkPassword, hashPassword, isBcrypt, unknownPassword } from "./passwords.ts";
import { audit, endSessions } from "./sessions.ts";
import { milliseconds } from "./settings.ts";
import {
  type Changes,
  confirmUser,
  createIdentity,
  createUser,
  emailIdentity,
  findAccount,
  findUserById,
  json,
  listUsers,
  now,
  reload,
  setEmailIdentity,
  showFactor,
  showUser,
  type User,
  updateMetadata,
  updateUser,
} from "./users.ts";

/** The actor of the audit log. */
export const service = {
  id: "00000000-0000-0000-0000-000000000000",
  email: "service_role",
  raw_user_meta_data: null,
};

const schema = z.object({
  id: text,
  role: text,
  email: text,
  phone: text,
  password: z.string().nullish(),
  password_hash: text,
  email_confirm: flag,
  user_metadata: object,
  app_metadata: object,
  ban_duration: text,
});

export const listAllUsers: Handler = async (auth, call) => {
  await requireService(auth, call);
  const { page, perPage } = pageOf(call);
  const sort = /^created_at(?: (asc|desc))?$/i.exec(call.query.get("sort") ?? "created_at desc");
  if (sort === null) {
    const [field] = (call.query.get("sort") ?? "").split(" ");
    throw invalid(`Bad Sort Parameters: bad field for sort '${field}'`);
  }
  const { users, count } = await listUsers(auth.sql, {
    limit: perPage,
    offset: (page - 1) * perPage,
    ascending: sort[1]?.toLowerCase() === "asc",
    filter: call.query.get("filter") ?? "",
  });
  return Response.json(
    { users: users.map((user) => showUser(user)), aud: "authenticated" },
    { headers: pageHeaders(call, page, perPage, count) },
  );
};

function pageOf({ query }: Call): { page: number; perPage: number } {
  const number = (name: string, fallback: number) => {
    const given = query.get(name) ?? "";
    if (given === "") return fallback;
    if (!/^\d{1,9}$/.test(given)) {
      throw invalid(
        `Bad Pagination Parameters: strconv.ParseUint: parsing ${JSON.stringify(given)}: invalid syntax`,
      );
    }
    return Math.max(1, Number(given));
  };
  return { page: number("page", 1), perPage: number("per_page", 50) };
}

function pageHeaders(call: Call, page: number, perPage: number, count: number): Record<string, string> {
  const last = Math.ceil(count / perPage);
  const link = (number: number, rel: string) => {
    const query = new URLSearchParams(call.query);
    query.set("page", String(number));
    query.sort();
    return `<${call.path}?${query}>; rel="${rel}"`;
  };
  return {
    link: [...(last > page ? [link(page + 1, "next")] : []), link(last, "last")].join(", "),
    "x-total-count": String(count),
  };
}

export const addUser: Handler = async (auth, call) => {
  await requireService(auth, call);
  const { password, password_hash, ...fields } = fieldsOf(call, schema);
  if (fields.phone !== "") throw phoneDisabled();
  if (fields.email === "") throw invalid("Cannot create a user without either an email or phone");
  const email = checkEmail(fields.email);
  if ((await findAccount(auth.sql, email)) !== undefined) throw emailExists();
  if (typeof password === "string" && password_hash !== "") {
    throw invalid("Only a password or a password hash should be provided");
  }
  if (password_hash !== "" && !isBcrypt(password_hash)) {
    throw new AuthError(500, "unexpected_failure", "Error creating user");
  }
  if (Buffer.byteLength(password ?? "") > 72) throw invalid("bcrypt: password length exceeds 72 bytes");
  if (fields.id !== "" && !isUuid(fields.id)) throw invalid("ID must conform to the uuid v4 format");
  const banned = bannedUntil(fields.ban_duration);
  const passwordHash =
    password_hash === ""
      ? await hashPassword(
          auth.sql,
          password === undefined || password === null || password === "" ? unknownPassword() : password,
        )
      : password_hash;
  const created = await auth.sql.begin(async (sql) => {
    const user = await createUser(sql, {
      email,
      passwordHash,
      provider: "email",
      metadata: fields.user_metadata ?? {},
      ...(fields.id === "" ? {} : { id: fields.id }),
      ...(fields.role === "" ? {} : { role: fields.role }),
    });
    await createIdentity(sql, user.id, "email", emailIdentity(user.id, email));
    await audit(sql, call, service, "user_signedup", "team", {
      user_id: user.id,
      user_email: email,
      provider: "email",
    });
    if (fields.app_metadata !== undefined) {
      await updateMetadata(sql, user, "raw_app_meta_data", fields.app_metadata);
    }
    if (fields.email_confirm) await confirmUser(sql, user);
    if (banned !== undefined) await updateUser(sql, user.id, { banned_until: banned });
    return reload(sql, user.id);
  });
  return Response.json(showUser(created));
};

export const readUser: Handler = async (auth, call) => Response.json(showUser(await requireUser(auth, call)));

export const editUser: Handler = async (auth, call) => {
  const user = await requireUser(auth, call);
  const { settings } = auth;
  const { password, ...fields } = fieldsOf(call, schema);
  const email = fields.email === "" ? "" : checkEmail(fields.email);
  if (fields.phone !== "") throw phoneDisabled();
  const banned = bannedUntil(fields.ban_duration);
  if (typeof password === "string") checkPassword(password, settings);
  if (email !== "" && email !== user.email && (await findAccount(auth.sql, email)) !== undefined) {
    throw emailExists();
  }
  const passwordHash = typeof password === "string" ? await hashPassword(auth.sql, password) : undefined;
  await auth.sql.begin(async (sql) => {
    const changes: Changes = {
      ...(fields.role === "" ? {} : { role: fields.role }),
      ...(passwordHash === undefined ? {} : { encrypted_password: passwordHash }),
      ...(email === "" ? {} : { email }),
      ...(email !== "" && fields.email_confirm ? { is_anonymous: false } : {}),
      ...(banned === undefined ? {} : { banned_until: banned }),
    };
    if (fields.email_confirm) await confirmUser(sql, user);
    if (passwordHash !== undefined) {
      await voidTokens(sql, user.id);
      await endSessions(sql, user.id, "all");
    }
    if (email !== "") await setEmailIdentity(sql, user, email, fields.email_confirm);
    await updateUser(sql, user.id, changes);
    const current = await reload(sql, user.id);
    for (const [column, updates] of [
      ["raw_app_meta_data", fields.app_metadata],
      ["raw_user_meta_data", fields.user_metadata],
    ] as const) {
      if (updates !== undefined) await updateMetadata(sql, current, column, updates);
    }
    await audit(sql, call, service, "user_modified", "user", { user_id: user.id, user_email: user.email });
  });
  return Response.json(showUser(await reload(auth.sql, user.id)));
};

const deletionSchema = z.object({ should_soft_delete: flag });

export const removeUser: Handler = async (auth, call) => {
  const user = await requireUser(auth, call);
  const { should_soft_delete } = fieldsOf({ ...call, body: call.body ?? {} }, deletionSchema);
  await auth.sql.begin(async (sql) => {
    await audit(sql, call, service, "user_deleted", "team", {
      user_id: user.id,
      user_email: user.email,
      user_phone: user.phone ?? "",
    });
    if (!should_soft_delete) await sql`delete from auth.users where id = ${user.id}`;
    else if (user.deleted_at === null) await softDelete(sql, user);
  });
  return Response.json({});
};

/** Keeps the row under a name that cannot be read back. */
async function softDelete(sql: Parameters<typeof reload>[0], user: User): Promise<void> {
  const hide = (value: string | null) =>
    createHash("sha256")
      .update(user.id + (value ?? ""))
      .digest("base64url");
  await voidTokens(sql, user.id);
  await endSessions(sql, user.id, "all");
  await sql`delete from auth.mfa_factors where user_id = ${user.id}`;
  await updateUser(sql, user.id, {
    email: hide(user.email),
    email_change: hide(user.email_change),
    phone: hide(user.phone).slice(0, 15),
    phone_change: hide(user.phone_change).slice(0, 15),
    encrypted_password: null,
    deleted_at: now(),
    raw_user_meta_data: json({}),
    raw_app_meta_data: json({}),
  });
  for (const { identity_id, id } of user.identities) {
    await sql`
      update auth.identities set provider_id = ${hide(id)}, identity_data = '{}', updated_at = now()
      where id = ${identity_id}`;
  }
}

export const listFactors: Handler = async (auth, call) => {
  const { factors } = await requireUser(auth, call);
  return Response.json(factors.map(showFactor));
};

const factorSchema = z.object({ friendly_name: text, phone: text });

export const editFactor: Handler = async (auth, call) => {
  const user = await requireUser(auth, call);
  const factor = requireFactor(user, call.path.split("/").at(-1) ?? "");
  const { friendly_name } = fieldsOf(call, factorSchema);
  await auth.sql.begin(async (sql) => {
    if (friendly_name !== "") {
      await sql`update auth.mfa_factors set friendly_name = ${friendly_name}, updated_at = now() where id = ${factor.id}`;
    }
    await audit(sql, call, service, "factor_updated", "factor", {
      user_id: user.id,
      factor_id: factor.id,
      factor_type: factor.factor_type,
    });
  });
  const changed = await reload(auth.sql, user.id);
  return Response.json(showFactor(requireFactor(changed, factor.id)));
};

export const deleteFactor: Handler = async (auth, call) => {
  const user = await requireUser(auth, call);
  const factor = requireFactor(user, call.path.split("/").at(-1) ?? "");
  await auth.sql.begin(async (sql) => {
    await audit(sql, call, user, "factor_deleted", "factor", { user_id: user.id, factor_id: factor.id });
    await removeFactor(sql, factor);
  });
  return Response.json(showFactor(factor));
};

/** What `query` can search, as `action:login`, and the fields of an entry that hold it. */
const auditFields: Record<string, string[]> = {
  author: ["actor_username", "actor_name"],
  action: ["action"],
  type: ["log_type"],
};

export const readAuditLog: Handler = async (auth, call) => {
  await requireService(auth, call);
  const { sql } = auth;
  const { page, perPage } = pageOf(call);
  const query = call.query.get("query") ?? "";
  const scope = query.slice(0, Math.max(0, query.indexOf(":")));
  const text = query.slice(scope.length + 1);
  const fields = auditFields[scope];
  if (query !== "" && fields === undefined) throw invalid(`Invalid query scope: ${query}`);
  const found = fields
    ? sql`where exists (select from unnest(${fields}::text[]) as f where payload->>f ilike ${`%${text}%`})`
    : sql``;
  const [total] = await sql<
    [{ count: number }]
  >`select count(*)::int as count from auth.audit_log_entries ${found}`;
  const entries = await sql`
    select id, payload, created_at, ip_address from auth.audit_log_entries ${found}
    order by created_at desc limit ${perPage} offset ${(page - 1) * perPage}`;
  return Response.json([...entries], { headers: pageHeaders(call, page, perPage, total.count) });
};

async function requireUser(auth: Auth, call: Call): Promise<User> {
  await requireService(auth, call);
  const id = call.path.split("/")[3] ?? "";
  if (!isUuid(id)) throw new AuthError(404, "validation_failed", "user_id must be an UUID");
  const user = await findUserById(auth.sql, id);
  if (user === undefined) throw new AuthError(404, "user_not_found", "User not found");
  return user;
}

/** The end of a ban, null for none, undefined where nothing is said about it. */
function bannedUntil(duration: string): string | null | undefined {
  if (duration === "") return undefined;
  if (duration === "none") return null;
  const time = milliseconds(duration);
  if (Number.isNaN(time)) {
    throw invalid(`invalid format for ban duration: time: invalid duration ${JSON.stringify(duration)}`);
  }
  return time === 0 ? null : new Date(Date.now() + time).toISOString();
}

function phoneDisabled(): AuthError {
  return new AuthError(400, "phone_provider_disabled", "Phone logins are disabled");
}
