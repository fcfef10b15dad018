-- Purpose: what linked properties lock together.
-- Touches: private.calendars.
-- Watch: a property's calendar_id changes only in link_properties and unlink_property, which lock the property first.

create table private.calendars (
    id uuid default gen_random_uuid() constraint calendars_pkey primary key
);
comment on table private.calendars is 'A row for each set of linked properties. A writer of their nights locks the property, then this row.';
alter table private.calendars enable row level security;
