// Profiles, accounts, roles, avatars, export and deletion, as owner, stranger, operator and visitor.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anonymous, service } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { newPng, passRemovalDelay, storeFile, upload } from "../support/files.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const sql = database();
let ana: Person;
let ben: Person;

beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
});
afterAll(() => sql.end());

describe("profiles", () => {
  it("are read by everyone and written by their owner", async () => {
    await ana.client
      .from("profiles")
      .update({ about: "I host in Lisbon.", languages: ["en", "pt"] })
      .eq("id", ana.id)
      .throwOnError();
    const { data } = await anonymous()
      .from("profiles")
      .select("about, languages")
      .eq("id", ana.id)
      .single()
      .throwOnError();
    expect(data).toEqual({ about: "I host in Lisbon.", languages: ["en", "pt"] });
  });

  it("are not written by a stranger", async () => {
    const { data } = await ben.client
      .from("profiles")
      .update({ about: "hacked" })
      .eq("id", ana.id)
      .select()
      .throwOnError();
    expect(data).toEqual([]);
  });

  it("refuse columns that only the database may set, with 403", async () => {
    const change = { identity_verified: true } as object;
    const { status } = await ana.client.from("profiles").update(change).eq("id", ana.id);
    expect(status).toBe(403);
  });

  it("refuse a value that breaks a rule, with 422 and the code of the rule", async () => {
    const { status, error } = await ana.client
      .from("profiles")
      .update({ display_name: "<img src=x>" })
      .eq("id", ana.id);
    expect([status, errorCodes(error)]).toEqual([422, ["display_name_is_plain"]]);
    expect(error?.message).toBe("A display name is one line of 1 to 50 characters of plain text.");
  });
});

describe("accounts", () => {
  it("are read by their owner only", async () => {
    await ana.client.from("accounts").update({ phone: "+351912345678" }).eq("id", ana.id).throwOnError();
    const own = await ana.client.from("accounts").select("phone").throwOnError();
    expect(own.data).toEqual([{ phone: "+351912345678" }]);
    const other = await ben.client.from("accounts").select("phone").eq("id", ana.id).throwOnError();
    expect(other.data).toEqual([]);
    expect((await anonymous().from("accounts").select()).status).toBe(401);
  });

  it("cannot be embedded into profiles", async () => {
    const { error } = await ben.client.from("profiles").select("id, accounts(phone)").eq("id", ana.id);
    expect(error?.code).toBe("PGRST200");
  });
});

describe("operators", () => {
  it("grant and revoke the role, which the next token carries", async () => {
    const olga = await signUpOperator();
    await olga.client.from("user_roles").insert({ user_id: ben.id, role: "operator" }).throwOnError();
    const { data } = await ben.client.auth.refreshSession();
    expect(data.user?.app_metadata.roles).toEqual(["operator"]);
    const seen = await ben.client.from("accounts").select("id").eq("id", ana.id).throwOnError();
    expect(seen.data).toEqual([{ id: ana.id }]);

    await olga.client.from("user_roles").delete().eq("user_id", ben.id).throwOnError();
    const after = await ben.client.from("accounts").select("id").eq("id", ana.id).throwOnError();
    expect(after.data).toEqual([]);
  });

  it("are made by operators only", async () => {
    const { status } = await ana.client.from("user_roles").insert({ user_id: ana.id, role: "operator" });
    expect(status).toBe(403);
  });
});

describe("avatars", () => {
  it("are cleaned, named by their owner and shown to everyone", async () => {
    const bytes = newPng();
    const { path, bucket } = await storeFile(ana, { kind: "avatar" }, { bytes });
    await ana.client.from("profiles").update({ avatar_path: path }).eq("id", ana.id).throwOnError();
    const response = await fetch(anonymous().storage.from(bucket).getPublicUrl(path).data.publicUrl);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/png"]);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
  });

  it("leave the privileges of tables as the migrations set them", async () => {
    const rows = await sql`select grantee, privilege_type from information_schema.role_table_grants
      where table_schema = 'public' and grantee in ('anon', 'authenticated') and privilege_type in ('TRUNCATE', 'INSERT')`;
    expect([...rows].filter((row) => row.privilege_type === "TRUNCATE" || row.grantee === "anon")).toEqual(
      [],
    );
  });
});

describe("personal data", () => {
  it("is exported as one document", async () => {
    const { data } = await ana.client.rpc("export_my_data").throwOnError();
    expect(data).toMatchObject({
      identity: { email: ana.email },
      profile: { display_name: "Ana" },
      account: { phone: "+351912345678" },
      files: [{ kind: "avatar", bucket: "avatars", content_type: "image/png" }],
    });
  });

  it("is deleted with the account: sign-in, profile, private data and files", async () => {
    const carla = await signUp("Carla");
    const raw = await upload(carla);
    const { path } = await storeFile(carla, { kind: "avatar" });
    await carla.client.from("profiles").update({ avatar_path: path }).eq("id", carla.id).throwOnError();
    await carla.client.rpc("delete_account").throwOnError();

    const { error } = await anonymous().auth.signInWithPassword(carla);
    expect(error?.code).toBe("invalid_credentials");
    const { data } = await anonymous()
      .from("profiles")
      .select("display_name, avatar_path")
      .eq("id", carla.id)
      .single()
      .throwOnError();
    expect(data).toEqual({ display_name: "Deleted account", avatar_path: null });
    expect((await service().from("accounts").select().eq("id", carla.id).throwOnError()).data).toEqual([]);

    // The token is valid for an hour, but finds no rows to write.
    const { data: written } = await carla.client
      .from("profiles")
      .update({ about: "I am back" })
      .eq("id", carla.id)
      .select()
      .throwOnError();
    expect(written).toEqual([]);

    // A trigger queues the removal, which an Edge Function does.
    await until(async () => {
      // the removal waits for as long as backups are kept
      await passRemovalDelay(sql, path, raw);
      const rows = await sql`select 1 from storage.objects where name in (${path}, ${raw})`;
      return rows.length === 0;
    }, "the removal of the files");
    expect((await fetch(`${stack.apiUrl}/storage/v1/object/public/avatars/${path}`)).status).toBe(400);
    await until(async () => {
      const rows =
        await sql`select 1 from pgmq.q_object_removals where message ->> 'path' in (${path}, ${raw})`;
      return rows.length === 0;
    }, "an empty queue");
  });
});
