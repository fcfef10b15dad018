// The way to a provider and back: /authorize leads there, /callback is where the provider leads back to.

import { requirePerson } from "./access.ts";
import type { Auth, Handler } from "./auth-service.ts";
import { type Call, isUuid } from "./call.ts";
import { AuthError, emailExists, notAcceptable, toAuthError } from "./errors.ts";
import { checkChallenge, createFlowState, type FlowState, findFlowState, isExpired } from "./flow-states.ts";
import { kinds, prepareMail } from "./mailing.ts";
import { authorizeAddress, exchangeCode, findProvider, type ProviderPerson } from "./providers.ts";
import { oauthError, redirect, redirectOf, withFragment, withQuery } from "./redirects.ts";
import { audit, startSession } from "./sessions.ts";
import { signUpDisabled } from "./sign-up.ts";
import { requireLinking } from "./user.ts";
import {
  confirmUser,
  createIdentity,
  createUser,
  type Db,
  findAccount,
  findUserByEmail,
  findUserById,
  isBanned,
  json,
  reload,
  removeUnconfirmed,
  type User,
  updateMetadata,
  updateProviders,
  updateUser,
} from "./users.ts";

export const authorize: Handler = async (auth, call) => redirect(await providerAddress(auth, call), 302);

/** Leads a signed-in person to a provider, whose identity is added to theirs. */
export const linkIdentity: Handler = async (auth, call) => {
  const { user } = await requirePerson(auth, call);
  requireLinking(auth);
  const url = await providerAddress(auth, call, user.id);
  return call.query.get("skip_http_redirect") === "true" ? Response.json({ url }) : redirect(url, 302);
};

/** Parameters of the flow itself, which a client cannot set at the provider. */
const ownParameters = [
  ...["provider", "scopes", "redirect_to", "code_challenge", "code_challenge_method", "skip_http_redirect"],
  ...[
    "client_id",
    "client_secret",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code",
    "invite_token",
  ],
];

async function providerAddress(auth: Auth, call: Call, linkingTarget?: string): Promise<string> {
  const { query } = call;
  const name = query.get("provider") ?? "";
  const provider = findProvider(auth.settings, name);
  const challenge = {
    code_challenge: query.get("code_challenge") ?? "",
    code_challenge_method: query.get("code_challenge_method") ?? "",
  };
  checkChallenge(challenge);
  const flow = await createFlowState(auth.sql, {
    ...challenge,
    method: "oauth",
    provider: name.toLowerCase(),
    referrer: redirectOf(call, auth.settings),
    ...(linkingTarget === undefined ? {} : { linkingTarget }),
  });
  const parameters = [...query].filter(([key]) => !ownParameters.includes(key.toLowerCase()));
  return authorizeAddress(provider, flow.id, {
    scopes: query.get("scopes") ?? "",
    parameters: Object.fromEntries(parameters),
  });
}

/** Errors lead back to the app, too; to the site itself where the state names no flow. */
export const callback: Handler = async (auth, call) => {
  const state = call.query.get("state") ?? "";
  if (state === "") return refuseState(auth, "bad_oauth_callback", "OAuth state parameter missing");
  if (!isUuid(state)) return refuseState(auth, "bad_oauth_state", "OAuth state parameter is invalid");
  const flow = await findFlowState(auth.sql, "id", state);
  if (flow === undefined) return refuseState(auth, "bad_oauth_state", "OAuth state not found or expired");
  if (isExpired(flow)) return refuseState(auth, "bad_oauth_state", "OAuth state has expired");
  const target = flow.referrer ?? auth.settings.site_url;
  try {
    return await finish(auth, call, flow, target);
  } catch (cause) {
    return leadBackWithError(target, cause);
  }
};

function refuseState({ settings }: Auth, code: string, message: string): Response {
  const values = { error: "invalid_request", error_code: code, error_description: message };
  return redirect(withQuery(settings.site_url, values));
}

async function finish(
  auth: Auth,
  call: Call,
  { id, provider_type }: FlowState,
  target: string,
): Promise<Response> {
  const refused = call.query.get("error");
  if (refused !== null) throw refusal(refused, call.query.get("error_description") ?? "");
  const code = call.query.get("code") ?? "";
  if (code === "") {
    throw new AuthError(400, "bad_oauth_callback", `OAuth callback with missing authorization code missing`);
  }
  const provider = findProvider(auth.settings, provider_type);
  const tokens = await exchangeCode(provider, code);
  const person = await provider.describe(tokens.access_token);
  const sends: (() => Promise<void>)[] = [];
  const answer = await auth.sql.begin(async (sql) => {
    const flow = await findFlowState(sql, "id", id);
    if (flow === undefined || flow.user_id !== null) {
      return new AuthError(400, "flow_state_already_used", "State has already been used");
    }
    const user = await findOrCreate(auth, sql, call, flow, person, sends);
    if (user instanceof AuthError) return user;
    if (flow.auth_code === null) {
      const session = await startSession(auth, sql, call, user, "oauth");
      await sql`delete from auth.flow_state where id = ${id}`;
      const { user: _shown, ...values } = session;
      const { access_token: provider_token, refresh_token: provider_refresh_token } = tokens;
      const theirs = provider_refresh_token === undefined ? {} : { provider_refresh_token };
      return redirect(withFragment(target, { ...values, provider_token, ...theirs }), 302);
    }
    await sql`
      update auth.flow_state set
        user_id = ${user.id}, auth_code_issued_at = now(), updated_at = now(),
        provider_access_token = ${tokens.access_token}, provider_refresh_token = ${tokens.refresh_token ?? null}
      where id = ${id}`;
    return redirect(withQuery(target, { code: flow.auth_code }), 302);
  });
  for (const send of sends) auth.later(send);
  if (answer instanceof AuthError) throw answer; // after the commit of what it reports
  return answer;
}

/** The user of an identity at a provider: the one who has it, the one with the same verified address, or a new one. */
async function findOrCreate(
  auth: Auth,
  sql: Db,
  call: Call,
  { provider_type: provider, linking_target_id: linkingTarget }: FlowState,
  { email, metadata }: ProviderPerson,
  sends: (() => Promise<void>)[],
): Promise<User | AuthError> {
  const data = {
    ...metadata,
    ...(email === undefined ? {} : { email: email.address.toLowerCase(), email_verified: email.verified }),
    phone_verified: false,
  };
  const [identity] = await sql<{ id: string; user_id: string }[]>`
    select id, user_id from auth.identities where provider = ${provider} and provider_id = ${metadata.sub}`;
  if (linkingTarget !== null) {
    return addIdentity(sql, call, linkingTarget, provider, data, identity?.user_id);
  }
  if (email === undefined) {
    throw new AuthError(500, "unexpected_failure", "Error getting user email from external provider");
  }
  const address = email.address.toLowerCase();
  const trusted = email.verified || !auth.settings.confirmsEmail;
  let user: User;
  if (identity !== undefined) {
    user = await reload(sql, identity.user_id);
    await sql`
      update auth.identities set identity_data = ${json(data)}, last_sign_in_at = now(), updated_at = now()
      where id = ${identity.id}`;
  } else {
    const same = trusted ? await findUserByEmail(sql, address) : undefined;
    if (same === undefined && !auth.settings.enable_signup) throw signUpDisabled();
    if (same === undefined && (await findAccount(sql, address)) !== undefined) throw emailExists();
    user = same ?? (await createUser(sql, { email: address, passwordHash: "", provider, metadata: data }));
    await createIdentity(sql, user.id, provider, data);
  }
  if (isBanned(user)) throw new AuthError(403, "user_banned", "User is banned");
  user = await reload(sql, user.id);
  if (user.email_confirmed_at === null) {
    await removeUnconfirmed(sql, user, provider);
    user = await reload(sql, user.id);
    if (!trusted) {
      sends.push(await prepareMail(auth, sql, call, user, kinds.signup));
      return notAcceptable(
        "provider_email_needs_verification",
        `Unverified email with ${provider}. A confirmation email has been sent to your ${provider} email`,
      );
    }
    await audit(sql, call, user, "user_signedup", "team", { provider });
    await confirmUser(sql, user);
    return reload(sql, user.id);
  }
  await updateMetadata(sql, user, "raw_user_meta_data", data);
  await updateProviders(sql, await reload(sql, user.id));
  await audit(sql, call, user, "login", "account", { provider });
  return reload(sql, user.id);
}

async function addIdentity(
  sql: Db,
  call: Call,
  targetId: string,
  provider: string,
  data: ProviderPerson["metadata"],
  owner: string | undefined,
): Promise<User> {
  const target = await findUserById(sql, targetId);
  if (target === undefined) throw new AuthError(404, "user_not_found", "Linking target user not found");
  if (owner !== undefined) {
    throw notAcceptable(
      "identity_already_exists",
      owner === targetId ? "Identity is already linked" : "Identity is already linked to another user",
    );
  }
  await createIdentity(sql, target.id, provider, data);
  await audit(sql, call, target, "identity_linked", "user", { provider, provider_id: data.sub });
  await updateProviders(sql, await reload(sql, target.id));
  if (target.email === null && typeof data.email === "string" && data.email_verified === true) {
    if ((await findAccount(sql, data.email)) !== undefined) throw emailExists();
    await updateUser(sql, target.id, { email: data.email, is_anonymous: false });
    await confirmUser(sql, await reload(sql, target.id));
  }
  return reload(sql, target.id);
}

/** What the provider itself refused, in its own words. */
function refusal(error: string, description: string): AuthError {
  return new AuthError(400, error === "access_denied" ? "access_denied" : "bad_oauth_callback", description);
}

function leadBackWithError(target: string, cause: unknown): Response {
  const { status, code, message } = toAuthError(cause);
  const denied = ["signup_disabled", "user_banned", "provider_email_needs_verification", "access_denied"];
  const values = {
    error: denied.includes(code) ? "access_denied" : oauthError(status),
    error_code: code,
    error_description: message,
  };
  return redirect(withFragment(withQuery(target, values), values), 302);
}
