// Sign-in with Google and GitHub: where to send people, and what the provider says about them.

import { AuthError, invalid } from "./errors.ts";
import type { Settings } from "./settings.ts";
import type { Metadata } from "./users.ts";

export interface ProviderPerson {
  /** The primary address, and whether the provider has verified it. */
  email: { address: string; verified: boolean } | undefined;
  metadata: Metadata & { sub: string };
}

interface Provider {
  authorizeUrl: string;
  tokenUrl: string;
  scopes: string[];
  describe(accessToken: string): Promise<ProviderPerson>;
}

export interface ProviderTokens {
  access_token: string;
  refresh_token?: string;
}

const google: Provider = {
  authorizeUrl: "https://accounts.google.com/o/oauth2/v2/auth",
  tokenUrl: "https://oauth2.googleapis.com/token",
  scopes: ["email", "profile"],
  async describe(accessToken) {
    const issuer = "https://www.googleapis.com/userinfo/v2/me";
    const user = await getJson<GoogleUser>(issuer, accessToken);
    const verified = user.verified_email ?? false;
    return {
      email: user.email === undefined ? undefined : { address: user.email, verified },
      metadata: defined({
        sub: user.id,
        iss: issuer,
        name: user.name,
        full_name: user.name,
        picture: user.picture,
        avatar_url: user.picture,
        provider_id: user.id,
      }),
    };
  },
};

interface GoogleUser {
  id: string;
  name?: string;
  picture?: string;
  email?: string;
  verified_email?: boolean;
}

/** @param host the address of a GitHub Enterprise server; undefined for github.com */
function github(host: string | undefined): Provider {
  const site = host ?? "https://github.com";
  const api = host === undefined ? "https://api.github.com" : `${host}/api/v3`;
  return {
    authorizeUrl: `${site}/login/oauth/authorize`,
    tokenUrl: `${site}/login/oauth/access_token`,
    scopes: ["user:email"],
    async describe(accessToken) {
      const user = await getJson<GithubUser>(`${api}/user`, accessToken);
      const emails = await getJson<GithubEmail[]>(`${api}/user/emails`, accessToken);
      const email = emails.find(({ primary }) => primary) ?? emails[0];
      return {
        email: email === undefined ? undefined : { address: email.email, verified: email.verified },
        metadata: defined({
          sub: String(user.id),
          iss: api,
          name: user.name,
          full_name: user.name,
          preferred_username: user.login,
          user_name: user.login,
          avatar_url: user.avatar_url,
          provider_id: String(user.id),
        }),
      };
    },
  };
}

interface GithubUser {
  id: number;
  login: string;
  name?: string | null;
  avatar_url?: string;
}

interface GithubEmail {
  email: string;
  primary: boolean;
  verified: boolean;
}

/** @throws AuthError when the provider is unknown or off */
export function findProvider({ external }: Settings, name: string) {
  const key = name.toLowerCase();
  const known = key === "google" || key === "github" ? key : undefined;
  if (known === undefined) throw invalid(`Unsupported provider: Provider ${name} could not be found`);
  const settings = external[known];
  if (settings === undefined || !settings.enabled) {
    throw invalid("Unsupported provider: provider is not enabled");
  }
  if (settings.client_id === "") throw invalid("Unsupported provider: missing OAuth client ID");
  if (settings.secret === "") throw invalid("Unsupported provider: missing OAuth secret");
  return { ...settings, ...(known === "google" ? google : github(settings.url)) };
}

type KnownProvider = ReturnType<typeof findProvider>;

export function authorizeAddress(
  { authorizeUrl, client_id, redirect_uri, scopes }: KnownProvider,
  state: string,
  more: { scopes: string; parameters: Record<string, string> },
): string {
  const asked = [...scopes, ...more.scopes.split(/[ ,]+/).filter((scope) => scope !== "")];
  const query = new URLSearchParams({
    ...more.parameters,
    client_id,
    redirect_uri,
    response_type: "code",
    scope: asked.join(" "),
    state,
  });
  return `${authorizeUrl}?${query}`;
}

export async function exchangeCode(
  { tokenUrl, client_id, secret, redirect_uri }: KnownProvider,
  code: string,
): Promise<ProviderTokens> {
  const response = await fetch(tokenUrl, {
    method: "POST",
    headers: { accept: "application/json" },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      client_id,
      client_secret: secret,
      redirect_uri,
    }),
  });
  const tokens = (await response.json().catch(() => ({}))) as Partial<ProviderTokens>;
  if (!response.ok || tokens.access_token === undefined) {
    throw new AuthError(500, "unexpected_failure", "Unable to exchange external code");
  }
  return { ...tokens, access_token: tokens.access_token };
}

async function getJson<T>(url: string, accessToken: string): Promise<T> {
  const response = await fetch(url, {
    headers: { accept: "application/json", authorization: `Bearer ${accessToken}` },
  });
  if (!response.ok) {
    throw new AuthError(500, "unexpected_failure", "Error getting user profile from external provider");
  }
  return (await response.json()) as T;
}

/** Without the fields that the provider left out. */
function defined(fields: Metadata & { sub: string }): Metadata & { sub: string } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return { ...Object.fromEntries(entries), sub: fields.sub };
}
