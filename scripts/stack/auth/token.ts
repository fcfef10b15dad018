// POST /token: sign-in by password, refresh of a session, and the exchange of a code (PKCE).

import { z } from "zod";
import type { Handler } from "./auth-service.ts";
import { fieldsOf, isUuid, text } from "./call.ts";
import { AuthError, invalid, notAcceptable, tooManyRequests } from "./errors.ts";
import { findFlowState, isExpired, verifies } from "./flow-states.ts";
import { accountLimits, addressLimits } from "./limits.ts";
import { isPassword, weaknessOf } from "./passwords.ts";
import { audit, type Method, refresh, startSession } from "./sessions.ts";
import { findAccount, isBanned, reload } from "./users.ts";

const grants: Record<string, Handler> = {
  password,
  refresh_token: refreshToken,
  pkce,
  id_token: idToken,
  web3: async () => {
    throw notAcceptable("web3_provider_disabled", "Web3 provider is disabled");
  },
};

export const grantToken: Handler = (auth, call) => {
  const grant = grants[call.query.get("grant_type") ?? ""];
  if (grant === undefined) throw new AuthError(400, "invalid_credentials", "unsupported_grant_type");
  return grant(auth, call);
};

const passwordSchema = z.object({ email: text, phone: text, password: text });

/**
 * Tries count before the password is checked, also for addresses without an account. A password that is refused for its many tries is
 * not checked at all, so that a guess learns nothing.
 */
async function password(...[auth, call]: Parameters<Handler>): Promise<Response> {
  const { sql, limits, settings } = auth;
  const fields = fieldsOf(call, passwordSchema);
  if (fields.email !== "" && fields.phone !== "") {
    throw invalid("Only an email address or phone number should be provided on login.");
  }
  if (fields.phone !== "") throw notAcceptable("phone_provider_disabled", "Phone logins are disabled");
  if (fields.email === "") throw invalid("missing email or phone");
  if (!settings.email.enabled) throw notAcceptable("email_provider_disabled", "Email logins are disabled");

  const email = fields.email.toLowerCase();
  const ofAddress = addressLimits(settings.rate_limit).password;
  if ((await limits.take(ofAddress, call.address)) > 0) throw tooManyRequests();
  if ((await limits.take(accountLimits.password, email)) > 0) throw tooManyRequests();
  const account = await findAccount(sql, email);
  const right = await isPassword(sql, fields.password, account?.encrypted_password);
  if (account === undefined || !right) {
    throw new AuthError(400, "invalid_credentials", "Invalid login credentials");
  }
  await limits.giveBack(ofAddress, call.address);
  await limits.clear(accountLimits.password, email);
  if (isBanned(account)) throw new AuthError(400, "user_banned", "User is banned");
  if (account.email_confirmed_at === null) {
    throw new AuthError(400, "email_not_confirmed", "Email not confirmed");
  }
  const session = await sql.begin(async (transaction) => {
    const user = await reload(transaction, account.id);
    await audit(transaction, call, user, "login", "account", { provider: "email" });
    return startSession(auth, transaction, call, user, "password");
  });
  return Response.json({ ...session, weak_password: weaknessOf(fields.password, settings) ?? null });
}

const refreshSchema = z.object({ refresh_token: text });

async function refreshToken(...[auth, call]: Parameters<Handler>): Promise<Response> {
  const { refresh_token } = fieldsOf(call, refreshSchema);
  if (!/^[a-z0-9]{12}$/.test(refresh_token)) throw invalid("Refresh token is not valid");
  return Response.json(await refresh(auth, call, refresh_token));
}

const pkceSchema = z.object({ auth_code: text, code_verifier: text });

async function pkce(...[auth, call]: Parameters<Handler>): Promise<Response> {
  const { auth_code, code_verifier } = fieldsOf(call, pkceSchema);
  if (auth_code === "" || code_verifier === "") {
    throw invalid("invalid request: both auth code and code verifier should be non-empty");
  }
  const session = await auth.sql.begin(async (sql) => {
    const flow = isUuid(auth_code) ? await findFlowState(sql, "auth_code", auth_code) : undefined;
    if (flow === undefined || flow.user_id === null) {
      throw new AuthError(404, "flow_state_not_found", "invalid flow state, no valid flow state found");
    }
    if (isExpired(flow)) {
      throw notAcceptable("flow_state_expired", "invalid flow state, flow state has expired");
    }
    if (!verifies(flow, code_verifier)) {
      throw new AuthError(
        400,
        "bad_code_verifier",
        "code challenge does not match previously saved code verifier",
      );
    }
    const user = await reload(sql, flow.user_id);
    await audit(sql, call, user, "login", "account", { provider_type: flow.provider_type });
    await sql`delete from auth.flow_state where id = ${flow.id}`;
    const { provider_access_token: provider_token, provider_refresh_token } = flow;
    return {
      ...(await startSession(auth, sql, call, user, flow.authentication_method as Method)),
      ...(provider_token === null ? {} : { provider_token }),
      ...(provider_refresh_token === null ? {} : { provider_refresh_token }),
    };
  });
  return Response.json(session);
}

const idTokenSchema = z.object({ provider: text });

async function idToken(...[, call]: Parameters<Handler>): Promise<Response> {
  const { provider } = fieldsOf(call, idTokenSchema);
  const message = `Provider (issuer ${JSON.stringify(provider)}) is not enabled`;
  throw new AuthError(400, "provider_disabled", message);
}
