// docs/data-model.md for a made-up database.

import { expect, it } from "vitest";
import { dataModelDocument, homesOf } from "./data-model.ts";
import type { Relation } from "./data-model-facts.ts";
import { readStatements } from "./statements.ts";

const noWriters = { anon: [], authenticated: [], service_role: [] };
const trigger = { timing: "after each row", events: "insert", function: "private.after_booking_event" };
const column = { type: "uuid", primary: true, unique: false };

const relations: Relation[] = [
  {
    name: "auth.users",
    view: false,
    comment: null,
    columns: [],
    foreignKeys: [],
    triggers: [{ ...trigger, name: "create_person", function: "private.create_person" }],
    writers: noWriters,
  },
  {
    name: "bookings",
    view: false,
    comment: "Stays that are booked. More words.",
    columns: [
      { ...column, name: "id" },
      { ...column, name: "guest_id", primary: false },
    ],
    foreignKeys: [{ table: "profiles", columns: ["guest_id"], required: true, one: false }],
    triggers: [],
    writers: { anon: [], authenticated: ["insert", "update"], service_role: ["insert", "update"] },
  },
  {
    name: "private.booking_events",
    view: false,
    comment: "What happened to bookings.",
    columns: [{ ...column, name: "booking_id" }],
    foreignKeys: [{ table: "bookings", columns: ["booking_id"], required: false, one: true }],
    triggers: [{ ...trigger, name: "after_booking_event" }],
    writers: noWriters,
  },
  {
    name: "stays",
    view: true,
    comment: "A view without triggers.",
    columns: [],
    foreignKeys: [],
    triggers: [],
    writers: noWriters,
  },
];

const functions = {
  "private.after_booking_event": {
    comment: "Trigger: calls what follows from an event.",
    body: "begin\n    perform private.notify(new);\n    v_done := private.send(new);\n    return null;\nend",
  },
  "private.create_person": { comment: "Creates profile | account. More.", body: "" },
  "private.notify": { comment: "Notifies both sides.", body: "" },
  "private.send": { comment: null, body: "" },
};

it("draws the tables of each domain, and lists their triggers and the chain of booking events", async () => {
  const statements = await readStatements([
    {
      file: "supabase/migrations/20261201020100_create_people.sql",
      sql: `create table public.profiles (id uuid);
        create trigger create_person after insert on auth.users for each row execute function private.create_person();`,
    },
    {
      file: "supabase/migrations/20261201050100_create_bookings.sql",
      sql: `create table public.bookings (id uuid); create table private.booking_events (booking_id uuid);
        create view public.stays as select 1;`,
    },
  ]);
  const document = dataModelDocument({ relations, functions }, homesOf(statements));
  expect(document.slice(document.indexOf("## 02"))).toBe(`## 02 People and jobs

| Table | What it holds | Written by |
| --- | --- | --- |
| [\`auth.users\`](#authusers) |  |  |

### auth.users

| When | Trigger | Function |
| --- | --- | --- |
| after each row: insert | \`create_person\` | \`private.create_person\`: Creates profile \\| account. |

## 05 Bookings

\`\`\`mermaid
erDiagram
    direction LR
    "bookings" {
        uuid id PK
        uuid guest_id FK "profiles"
    }
    "private.booking_events" {
        uuid booking_id PK, FK
    }
    "bookings" |o--o| "private.booking_events" : "booking_id"
\`\`\`

| Table | What it holds | Written by |
| --- | --- | --- |
| \`bookings\` | Stays that are booked. | authenticated, service_role: insert, update |
| [\`private.booking_events\`](#privatebooking_events) | What happened to bookings. |  |

### private.booking_events

| When | Trigger | Function |
| --- | --- | --- |
| after each row: insert | \`after_booking_event\` | \`private.after_booking_event\`: calls what follows from an event. |

\`private.after_booking_event\` calls, in this order:

1. \`private.notify\`: Notifies both sides.
2. \`private.send\`
`);
});
