// Foreign keys as fields, in both directions.

import type { ForeignKey, Table } from "./catalogue.ts";
import { collectionArgs } from "./collection-args.ts";
import { foreignName, localName } from "./naming.ts";
import type { Schema } from "./schema.ts";
import { type Field, field, type Join, nonNull } from "./types.ts";

/** The relation fields of a table: first those to referenced rows, then those to referencing rows. */
export function relationFields(table: Table, schema: Schema): Field[] {
  const keys = schema.catalogue.foreignKeys;
  const outbound = keys.filter((key) => key.local === table && schema.isExposed(key.foreign));
  const inbound = keys.filter((key) => key.foreign === table && schema.isExposed(key.local));
  return [
    ...outbound.map((key) => outboundField(key, schema)),
    ...inbound.map((key) => inboundField(key, schema)),
  ];
}

function outboundField(key: ForeignKey, schema: Schema): Field {
  const { local, foreign } = key;
  const isRequired = local.columns.some((column) => column.notNull && key.localColumns.includes(column.name));
  const row = schema.of(foreign).node;
  return field(foreignName(key), isRequired && !key.mayBeHidden ? nonNull(row) : row, {
    source: { kind: "one", table: foreign, join: joinOf(key.foreignColumns, key.localColumns) },
  });
}

function inboundField(key: ForeignKey, schema: Schema): Field {
  const join = joinOf(key.localColumns, key.foreignColumns);
  const types = schema.of(key.local);
  const isUnique = key.local.uniqueKeys.some((columns) =>
    columns.every((name) => key.localColumns.includes(name)),
  );
  return isUnique
    ? field(localName(key, true), types.node, { source: { kind: "one", table: key.local, join } })
    : field(localName(key, false), types.connection, {
        args: collectionArgs(types),
        source: { kind: "many", table: key.local, join },
      });
}

const joinOf = (related: string[], own: string[]): Join =>
  related.map((name, position) => [name, own[position] as string]);
