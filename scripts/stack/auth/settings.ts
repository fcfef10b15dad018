// Settings of Auth: [auth] of supabase/config.toml, and what follows from it.

import type { StackConfig, Toml } from "../../lib/config.ts";
import { StackError } from "../../lib/errors.ts";

export type Settings = Toml["auth"] & {
  /** The address of Auth; also the issuer of its tokens. */
  url: string;
  jwtSecret: string;
  /** Milliseconds between two mails of a kind to an address. */
  mailPause: number;
  confirmsEmail: boolean;
};

/** @throws StackError when the pause between mails is no duration */
export function readSettings({ apiUrl, keys, toml }: StackConfig): Settings {
  const mailPause = milliseconds(toml.auth.email.max_frequency);
  if (Number.isNaN(mailPause)) {
    throw new StackError(
      `max_frequency = "${toml.auth.email.max_frequency}" is not a duration.`,
      'Write [auth.email] max_frequency in supabase/config.toml as "1m30s" or "2h".',
    );
  }
  return {
    ...toml.auth,
    url: `${apiUrl}/auth/v1`,
    jwtSecret: keys.jwtSecret,
    mailPause,
    confirmsEmail: toml.auth.email.enable_confirmations,
  };
}

const units: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a duration in Go's notation, such as "1m30s" or "2h"; NaN when it is none. */
export function milliseconds(duration: string): number {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.map(([part]) => part).join("") !== duration || duration === "") return Number.NaN;
  return parts.reduce((sum, [, amount, unit = "s"]) => sum + Number(amount) * (units[unit] ?? 0), 0);
}

/** The part of the settings that clients may read. */
export function publicSettings({ external, email, ...auth }: Settings): Record<string, unknown> {
  const off = Object.fromEntries(otherProviders.map((name) => [name, false]));
  return {
    external: {
      ...off,
      anonymous_users: auth.enable_anonymous_sign_ins,
      email: email.enabled,
      github: external.github?.enabled ?? false,
      google: external.google?.enabled ?? false,
    },
    disable_signup: !auth.enable_signup,
    mailer_autoconfirm: !email.enable_confirmations,
    phone_autoconfirm: false,
    sms_provider: "",
    saml_enabled: false,
    saml_private_key_next_configured: true,
    passkeys_enabled: false,
  };
}

const otherProviders = [
  ...["apple", "azure", "bitbucket", "discord", "facebook", "figma", "fly", "gitlab", "kakao", "keycloak"],
  ...["linkedin", "linkedin_oidc", "notion", "phone", "slack", "slack_oidc", "snapchat", "spotify", "twitch"],
  ...["twitter", "workos", "zoom"],
];
