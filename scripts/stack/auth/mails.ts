// Mails of Auth: the templates of config.toml, sent to the mail catcher.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createTransport, type Transporter } from "nodemailer";
import type { StackConfig } from "../../lib/config.ts";
import type { Mail } from "../mail.ts";
import type { OneTimeToken } from "./one-time-tokens.ts";
import type { Settings } from "./settings.ts";
import type { User } from "./users.ts";

export type Template =
  | "confirmation"
  | "recovery"
  | "magic_link"
  | "email_change"
  | "invite"
  | "reauthentication";

interface Message {
  to: string;
  template: Template;
  /** The type of the link. */
  type: string;
  user: User;
  token: OneTimeToken;
  redirectTo: string;
}

export interface Mails {
  send(message: Message): Promise<void>;
}

export function createMails(config: StackConfig, settings: Settings, catcher: Mail): Mails {
  let smtp: Transporter | undefined; // the catcher's port is known once it runs
  return {
    async send(message) {
      smtp ??= createTransport({ host: "127.0.0.1", port: catcher.smtpPort });
      const { subject, html } = templateOf(config, settings, message.template);
      const values = valuesOf(settings, message);
      await smtp.sendMail({
        from: { name: "Staybase", address: "noreply@staybase.local" },
        to: message.to,
        subject: fill(subject, values, (text) => text.replaceAll(/[\r\n]+/g, " ")),
        html: fill(html, values, escapeHtml),
        text: plainText(message.template, values),
      });
    },
  };
}

/** The address that a link in a mail leads to. */
export function linkAddress(settings: Settings, token: string, type: string, redirectTo: string): string {
  const target = /[&=#]/.test(redirectTo) ? encodeURIComponent(redirectTo) : redirectTo;
  return `${settings.url}/verify?token=${token}&type=${type}&redirect_to=${target}`;
}

function templateOf(
  config: StackConfig,
  { email }: Settings,
  name: Template,
): { subject: string; html: string } {
  const { subject, content_path } = email.template[name] ?? {};
  return {
    subject: subject ?? subjects[name],
    html: content_path === undefined ? plain[name] : readFileSync(join(config.root, content_path), "utf8"),
  };
}

const subjects: Record<Template, string> = {
  confirmation: "Confirm your email address",
  recovery: "Reset your password",
  magic_link: "Your sign-in link",
  email_change: "Confirm your new email address",
  invite: "You've been invited",
  reauthentication: "{{ .Token }} is your verification code",
};

const withLink =
  '<p><a href="{{ .ConfirmationURL }}">Continue</a></p><p>Or enter this code: <strong>{{ .Token }}</strong></p>';
const plain: Record<Template, string> = {
  confirmation: withLink,
  recovery: withLink,
  magic_link: withLink,
  email_change: withLink,
  invite: withLink,
  reauthentication: "<p>Your verification code: <strong>{{ .Token }}</strong></p>",
};

function valuesOf(settings: Settings, { to, type, user, token, redirectTo }: Message): Values {
  return {
    SiteURL: settings.site_url,
    ConfirmationURL: linkAddress(settings, token.link, type, redirectTo),
    Email: user.email ?? "",
    NewEmail: user.email_change ?? "",
    SendingTo: to,
    Token: token.code,
    TokenHash: token.link,
    RedirectTo: redirectTo,
    Data: user.raw_user_meta_data ?? {},
  };
}

type Values = Record<string, string | Record<string, unknown>>;

/** Replaces `{{ .Name }}` and `{{ .Data.name }}`, the part of Go's templates that mails need. */
function fill(template: string, values: Values, safe: (text: string) => string): string {
  return template.replaceAll(/\{\{\s*\.(\w+)(?:\.(\w+))?\s*\}\}/g, (_match, name: string, key?: string) => {
    const value = values[name];
    const found = typeof value === "object" && key !== undefined ? value[key] : value;
    return typeof found === "string" || typeof found === "number" ? safe(String(found)) : "";
  });
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&#34;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}

function plainText(template: Template, { ConfirmationURL, Token }: Values): string {
  const code = `Code: ${Token}\n`;
  return template === "reauthentication" ? code : `${ConfirmationURL}\n\n${code}`;
}
