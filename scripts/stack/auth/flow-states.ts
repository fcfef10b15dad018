// States of a sign-in that ends elsewhere: the PKCE exchange of a code for a session, and the way to a provider and back.

import { createHash, randomUUID } from "node:crypto";
import { AuthError, invalid } from "./errors.ts";
import type { Db, User } from "./users.ts";

export interface Challenge {
  code_challenge: string;
  code_challenge_method: string;
}

export interface FlowState {
  id: string;
  user_id: string | null;
  auth_code: string | null;
  code_challenge: string | null;
  code_challenge_method: "s256" | "plain" | null;
  provider_type: string;
  provider_access_token: string | null;
  provider_refresh_token: string | null;
  authentication_method: string;
  referrer: string | null;
  linking_target_id: string | null;
  created_at: string;
  auth_code_issued_at: string | null;
}

const lifetime = 5 * 60_000;

export function checkChallenge({ code_challenge, code_challenge_method }: Challenge): void {
  if ((code_challenge === "") !== (code_challenge_method === "")) {
    throw invalid("PKCE flow requires code_challenge_method and code_challenge");
  }
  if (code_challenge === "") return;
  if (code_challenge.length < 43 || code_challenge.length > 128) {
    throw invalid("code challenge has to be between 43 and 128 characters");
  }
  if (!/^[a-zA-Z._~0-9-]+$/.test(code_challenge)) {
    throw invalid(
      "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes",
    );
  }
}

export function isPkce({ code_challenge }: Challenge): boolean {
  return code_challenge !== "";
}

interface NewFlow extends Challenge {
  /** How the person proves who they are: `magiclink`, `recovery`, `email/signup`, `oauth` … */
  method: string;
  provider: string;
  userId?: string;
  referrer?: string;
  linkingTarget?: string;
}

export async function createFlowState(sql: Db, flow: NewFlow): Promise<FlowState> {
  const method = flow.code_challenge_method.toLowerCase();
  if (method !== "" && method !== "s256" && method !== "plain") {
    throw invalid("Invalid code_challenge_method");
  }
  const [created] = await sql<FlowState[]>`
    insert into auth.flow_state ${sql({
      id: randomUUID(),
      user_id: flow.userId ?? null,
      auth_code: isPkce(flow) ? randomUUID() : null,
      code_challenge: isPkce(flow) ? flow.code_challenge : null,
      code_challenge_method: method === "" ? null : method,
      provider_type: flow.provider,
      authentication_method: flow.method,
      referrer: flow.referrer ?? null,
      linking_target_id: flow.linkingTarget ?? null,
    })} returning *`;
  if (created === undefined) throw new Error("no row after the insert");
  return created;
}

/** The code that a link of PKCE leads back with. */
export async function issueAuthCode(sql: Db, user: User, method: string): Promise<string> {
  const [flow] = await sql<{ auth_code: string }[]>`
    update auth.flow_state set auth_code_issued_at = now(), updated_at = now()
    where id = (
      select id from auth.flow_state
      where user_id = ${user.id} and authentication_method = ${method} and auth_code is not null
      order by created_at desc limit 1
    ) returning auth_code`;
  if (flow === undefined) {
    throw new AuthError(
      400,
      "flow_state_not_found",
      "No associated flow state found. No valid flow state found for user.",
    );
  }
  return flow.auth_code;
}

/** A mail may be read late, so the time of a link counts from the click. */
export function isExpired({ created_at, auth_code_issued_at }: FlowState): boolean {
  return Date.parse(auth_code_issued_at ?? created_at) + lifetime < Date.now();
}

export function verifies({ code_challenge, code_challenge_method }: FlowState, verifier: string): boolean {
  const made =
    code_challenge_method === "s256" ? createHash("sha256").update(verifier).digest("base64url") : verifier;
  return made === code_challenge;
}

export async function findFlowState(
  sql: Db,
  key: "id" | "auth_code",
  value: string,
): Promise<FlowState | undefined> {
  const [flow] = await sql<
    FlowState[]
  >`select * from auth.flow_state where ${sql(key)} = ${value} for update`;
  return flow;
}
