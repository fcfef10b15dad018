-- Purpose: when the database was backed up last, for metrics and alerts.
-- Touches: private.backup_state.
-- Watch: `npm run backup` and the archive of the embedded stack write it, as superuser. A hosted project leaves it empty.

create table private.backup_state (
    name text constraint backup_state_pkey primary key constraint backup_state_name_is_known check (name in ('base', 'wal')),
    at timestamptz,
    error text,
    created_at timestamptz not null default now()
);
comment on table private.backup_state is 'The last backup (base), and the last time that changes since then were stored (wal).';
comment on column private.backup_state.at is 'When it succeeded last; null while backups are off.';
comment on column private.backup_state.error is 'Why it fails now; null when the last try succeeded.';
comment on column private.backup_state.created_at is 'When the database was made; until the first backup, its age counts from here.';
alter table private.backup_state enable row level security;
insert into private.backup_state (name) values ('base'), ('wal');

insert into private.settings (name, value, description) values
    ('backups', 'own', 'Who makes the backups: own (npm run backup, or what writes private.backup_state), or platform, which leaves out the metric of their time.');
