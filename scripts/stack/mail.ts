// The mail catcher: takes every mail by real SMTP, but those to @bounce.example, and keeps it in memory. Its HTTP API is the part of Mailpit's (which the
// official stack runs on the same port) that people and tests use, so code that reads a mail works on both.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import type { StackConfig } from "./config.ts";
import { mailPage } from "./mail-page.ts";
import type { Part } from "./part.ts";
import { freePort } from "./ports.ts";

export interface Mail extends Part {
  readonly smtpPort: number;
}

interface Message {
  id: string;
  created: string;
  raw: Buffer;
  email: Email;
}

const kept = 500;
const largestMail = 10 * 1024 * 1024;

export function createMail(config: StackConfig): Mail {
  let smtp: SMTPServer | undefined;
  let http: Server | undefined;
  let smtpPort = 0;
  let count = 0;
  let messages: Message[] = [];

  async function keep(raw: Buffer): Promise<void> {
    const email = await PostalMime.parse(raw);
    count += 1;
    messages = [{ id: String(count), created: new Date().toISOString(), raw, email }, ...messages].slice(
      0,
      kept,
    );
  }

  /** Deletes the mails whose ids the body names, all when it names none. */
  async function remove(request: IncomingMessage): Promise<void> {
    const { IDs = [] } = JSON.parse((await buffer(request)).toString() || "{}") as { IDs?: string[] };
    messages = IDs.length === 0 ? [] : messages.filter(({ id }) => !IDs.includes(id));
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", config.mailUrl);
    const id = /^\/api\/v1\/message\/(\w+)(\/raw)?$/.exec(pathname);
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (!isLocal(request)) {
      json(403, { Error: "Only pages of this machine may read mails." });
    } else if (pathname === "/" && request.method === "GET") {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(mailPage);
    } else if (pathname === "/api/v1/messages" && request.method === "DELETE") {
      void remove(request).then(() => response.writeHead(200, { "content-type": "text/plain" }).end("ok"));
    } else if (pathname === "/api/v1/messages") {
      json(200, listing(messages, messages, searchParams));
    } else if (pathname === "/api/v1/search") {
      json(200, listing(messages, search(messages, searchParams.get("query") ?? ""), searchParams));
    } else if (id !== null) {
      const message = id[1] === "latest" ? messages[0] : messages.find((m) => m.id === id[1]);
      if (message === undefined) json(404, { Error: "message not found" });
      else if (id[2] === undefined) json(200, details(message));
      else response.writeHead(200, { "content-type": "message/rfc822" }).end(message.raw);
    } else {
      json(404, { Error: "not found" });
    }
  }

  return {
    name: "mail",
    get smtpPort() {
      return smtpPort;
    },
    async start() {
      smtpPort = await freePort("inner");
      smtp = new SMTPServer({
        authOptional: true,
        disabledCommands: ["STARTTLS"],
        size: largestMail,
        logger: false,
        // a mailbox that does not exist, to try what happens then
        onRcptTo({ address }, _session, done) {
          const refused = Object.assign(new Error("5.1.1 No such mailbox."), { responseCode: 550 });
          done(address.endsWith("@bounce.example") ? refused : null);
        },
        onData(stream, _session, done) {
          buffer(stream)
            .then(keep)
            .then(() => done(), done);
        },
      });
      // A client that breaks off has only itself to blame.
      smtp.on("error", (error) => console.error(`mail: ${error.message}`));
      smtp.listen(smtpPort, "127.0.0.1");
      http = createServer(answer).listen(config.ports.mail, "127.0.0.1");
    },
    async ready() {
      await Promise.all(
        [smtp?.server, http].map(
          (server) =>
            new Promise<void>((resolve, reject) => {
              if (server?.listening) return resolve();
              server?.once("listening", resolve).once("error", reject);
            }),
        ),
      );
    },
    async stop() {
      http?.closeAllConnections();
      http?.close();
      await new Promise<void>((resolve) => (smtp === undefined ? resolve() : smtp.close(() => resolve())));
      http = undefined;
      smtp = undefined;
    },
  };
}

/** A web site that the developer visits must not read mails: neither by its origin nor by a name that it points here. */
function isLocal(request: IncomingMessage): boolean {
  const host = /^(127\.0\.0\.1|localhost)(:\d+)?$/;
  const origin = request.headers.origin;
  return (
    host.test(request.headers.host ?? "") &&
    (origin === undefined || host.test(origin.replace(/^https?:\/\//, "")))
  );
}

function search(messages: Message[], query: string): Message[] {
  const words = [...query.matchAll(/(?:(to|subject):)?(?:"([^"]*)"|(\S+))/g)].map(
    ([, field, quoted, word]) => ({
      field,
      text: (quoted ?? word ?? "").toLowerCase(),
    }),
  );
  return messages.filter((message) => {
    const fields: Record<string, string> = {
      to: addresses(message.email.to)
        .map((to) => to.Address)
        .join(" "),
      subject: message.email.subject ?? "",
    };
    const all = [...Object.values(fields), message.email.text ?? ""].join(" ").toLowerCase();
    return words.every(({ field, text }) =>
      (field === undefined ? all : fields[field]?.toLowerCase())?.includes(text),
    );
  });
}

function listing(all: Message[], found: Message[], parameters: URLSearchParams) {
  const start = Number(parameters.get("start") ?? 0);
  const page = found.slice(start, start + Number(parameters.get("limit") ?? 50)).map(summary);
  return { total: all.length, count: page.length, messages_count: found.length, start, messages: page };
}

function summary({ id, created, raw, email }: Message) {
  return {
    ID: id,
    MessageID: email.messageId?.replace(/^<|>$/g, "") ?? "",
    From: addresses(email.from === undefined ? [] : [email.from])[0] ?? null,
    To: addresses(email.to),
    Subject: email.subject ?? "",
    Created: created,
    Size: raw.length,
    Attachments: email.attachments.length,
    Snippet: (email.text ?? "").replaceAll(/\s+/g, " ").trim().slice(0, 250),
  };
}

function details(message: Message) {
  const { email } = message;
  return {
    ...summary(message),
    Text: email.text ?? "",
    HTML: email.html ?? "",
    Headers: Object.fromEntries(email.headers.map(({ key, value }) => [key, [value]])),
  };
}

function addresses(list: Email["to"] = []): { Name: string; Address: string }[] {
  return list
    .flatMap((entry) => ("group" in entry && entry.group ? entry.group : [entry]))
    .map((mailbox) => ({
      Name: mailbox.name ?? "",
      Address: "address" in mailbox ? (mailbox.address ?? "") : "",
    }));
}
