// The mails that people receive, read from the stack's mail catcher.

import { expect } from "vitest";
import { stack } from "./stack.ts";
import { until } from "./time.ts";

/** A mail as the list of messages has it. */
export interface MailSummary {
  ID: string;
  MessageID: string;
  Subject: string;
}

export interface Mail extends MailSummary {
  Text: string;
  HTML: string;
  /** By lowercase name. */
  Headers: Record<string, string[]>;
}

interface Recipient {
  email: string;
}

/** The mails to an address, newest first; `subject` selects those whose subject contains it. */
export async function listMails({ email }: Recipient, subject?: string): Promise<MailSummary[]> {
  const query = `to:"${email}"${subject === undefined ? "" : ` subject:"${subject}"`}`;
  const { messages } = await getJson<{ messages: MailSummary[] }>(
    `search?query=${encodeURIComponent(query)}&limit=500`,
  );
  return messages;
}

/** Waits until there are `count` mails to an address, and returns the newest. */
export async function mailTo(email: string, count = 1): Promise<Mail> {
  return until(async () => {
    const [newest, ...older] = await listMails({ email });
    return newest !== undefined && older.length >= count - 1 && readMail(newest);
  }, `mail to ${email}`);
}

/** Waits for a mail whose subject contains these words, and returns the newest. */
export async function mailAbout(person: Recipient, subject: string): Promise<Mail> {
  return until(async () => {
    const [newest] = await listMails(person, subject);
    return newest !== undefined && readMail(newest);
  }, `a mail to ${person.email} about "${subject}"`);
}

/** The six-digit code in a mail. */
export function codeIn(mail: Mail): string {
  const code = /\b\d{6}\b/.exec(mail.Text)?.[0];
  if (code === undefined) throw new Error(`no code in: ${mail.Text}`);
  return code;
}

/** Checks mails one by one and reports those that were not checked. */
export function mailbox() {
  const read = new Map<string, string[]>();
  return {
    /** Waits for the mail with this subject, and expects these words in its text and its HTML. */
    async read(person: Recipient, subject: string, ...words: string[]): Promise<Mail> {
      const mail = await mailAbout(person, subject);
      expect(mail.Subject).toBe(subject);
      const html = mail.HTML.replaceAll("&#39;", "'").replaceAll("&quot;", '"');
      for (const word of words) {
        expect(mail.Text).toContain(word);
        expect(html).toContain(word);
      }
      read.set(person.email, [...(read.get(person.email) ?? []), subject]);
      return mail;
    },
    /** Subjects of mails that were not read, without the confirmation of the address, and of mails that were read twice. */
    async unread(person: Recipient): Promise<string[]> {
      const left = [...(read.get(person.email) ?? [])];
      const mails = await listMails(person);
      return mails
        .map(({ Subject }) => Subject)
        .slice(0, -1)
        .filter((subject) => {
          const index = left.indexOf(subject);
          if (index >= 0) left.splice(index, 1);
          return index < 0;
        })
        .concat(left);
    },
  };
}

function readMail({ ID }: MailSummary): Promise<Mail> {
  return getJson<Mail>(`message/${ID}`);
}

async function getJson<T>(path: string): Promise<T> {
  return (await (await fetch(`${stack.mailUrl}/api/v1/${path}`)).json()) as T;
}
