// PATCH and DELETE without a filter change nothing: the API refuses a statement without a WHERE clause, for every role.

import { expect, it } from "vitest";
import { service } from "../support/clients.ts";
import { signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

async function send(token: string, method: string, path: string, body?: unknown, prefer = "") {
  const response = await fetch(`${stack.apiUrl}/rest/v1/${path}`, {
    method,
    headers: {
      apikey: stack.publishableKey,
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      prefer,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const { code, message } = (text === "" ? {} : JSON.parse(text)) as { code?: string; message?: string };
  return { status: response.status, code, message };
}

it("refuses them, and changes no row", async () => {
  const ada = await signUp("Ada");
  const token = (await ada.client.auth.getSession()).data.session?.access_token ?? "";
  await ada.client
    .from("wishlists")
    .insert([{ name: "Sea" }, { name: "Hills" }])
    .throwOnError();
  const names = async () =>
    (await ada.client.from("wishlists").select("name").order("name").throwOnError()).data.map(
      ({ name }) => name,
    );

  const refused = (verb: string) => ({
    status: 400,
    code: "21000",
    message: `${verb} requires a WHERE clause`,
  });
  const all = { name: "All" };
  expect(await send(token, "PATCH", "wishlists", all)).toEqual(refused("UPDATE"));
  expect(await send(token, "PATCH", "wishlists?select=id", all, "return=representation")).toEqual(
    refused("UPDATE"),
  );
  expect(await send(token, "DELETE", "wishlists")).toEqual(refused("DELETE"));
  const { error } = await service().from("property_photos").delete();
  expect(error).toMatchObject({ code: "21000" });
  expect(await names()).toEqual(["Hills", "Sea"]);
  expect(await send(token, "PATCH", "wishlists?name=eq.Sea", { name: "Lake" })).toMatchObject({
    status: 204,
  });
  expect(await send(token, "DELETE", "wishlists?or=(name.eq.Hills,name.eq.Sea)")).toMatchObject({
    status: 204,
  });
  expect(await names()).toEqual(["Lake"]);
});

it("says first what else is wrong with the request", async () => {
  const ada = await signUp("Ada");
  const token = (await ada.client.auth.getSession()).data.session?.access_token ?? "";
  expect(await send(stack.anonKey, "DELETE", "wishlists")).toMatchObject({ status: 401 });
  expect(await send(token, "DELETE", "profiles")).toMatchObject({ status: 403 });
  expect(await send(token, "PATCH", "wishlists", { colour: "red" })).toMatchObject({ code: "PGRST204" });
});

it("commits a request whatever the client prefers", async () => {
  const ada = await signUp("Ada");
  const token = (await ada.client.auth.getSession()).data.session?.access_token ?? "";
  const made = await send(token, "POST", "wishlists", { name: "Sea" }, "return=minimal, tx=rollback");
  expect(made.status).toBe(201);
  expect((await ada.client.from("wishlists").select("name").throwOnError()).data).toEqual([{ name: "Sea" }]);
});
