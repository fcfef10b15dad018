// The dashboards for Grafana in ops/grafana, built with Grafana's own types. `npm run dashboards` writes them, and the static checks fail
// when one is out of date.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VizLegendOptionsBuilder } from "@grafana/grafana-foundation-sdk/common";
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

interface Panel {
  title: string;
  /** One of Grafana's units: short, s, bytes, percentunit, reqps. */
  unit: string;
  /** PromQL by legend, where {{name}} stands for a label. */
  queries: Record<string, string>;
}

interface Dashboard {
  /** Name of the file, and id in Grafana's addresses. */
  uid: string;
  title: string;
  /** Panels by the title of their row. */
  rows: Record<string, Panel[]>;
}

const age = (metric: string) => `time() - ${metric}`;
const rate = (metric: string) => `rate(${metric}[5m])`;
const duration = "staybase_http_request_duration_seconds";
const quantile = (share: number) =>
  `histogram_quantile(${share}, sum by (le, route) (${rate(`${duration}_bucket`)}))`;

export const dashboards: Dashboard[] = [
  {
    uid: "staybase-business",
    title: "Staybase: business",
    rows: {
      Bookings: [
        {
          title: "Open and confirmed",
          unit: "short",
          queries: { "{{status}}": 'staybase_bookings{status=~"requested|awaiting_payment|confirmed"}' },
        },
        {
          title: "Changes an hour",
          unit: "short",
          queries: { "{{from}} → {{to}}": "increase(staybase_booking_transitions_total[1h])" },
        },
        {
          title: "Refused stays an hour, by reason",
          unit: "short",
          queries: { "{{reason}}": "increase(staybase_refused_stays_total[1h]) > 0" },
        },
        { title: "Holds past their end", unit: "short", queries: { holds: "staybase_holds_overdue" } },
      ],
      Money: [
        { title: "Payments", unit: "short", queries: { "{{status}}": "staybase_payments" } },
        { title: "Refunds", unit: "short", queries: { "{{status}}": "staybase_refunds" } },
        {
          title: "Payouts",
          unit: "short",
          queries: { "{{status}}": "staybase_payouts", "bookings to pay out": "staybase_payables_due" },
        },
        { title: "Oldest pending payout", unit: "s", queries: { age: "staybase_payouts_overdue_seconds" } },
        {
          title: "Ledger",
          unit: "short",
          queries: {
            "unbalanced transactions": "staybase_ledger_unbalanced_transactions",
            "imbalance, minor units": "staybase_ledger_imbalance_minor_units",
          },
        },
        {
          title: "Differences from Stripe",
          unit: "short",
          queries: { differences: "staybase_reconciliation_differences" },
        },
        {
          title: "Age of the differences and of the last comparison",
          unit: "s",
          queries: {
            differences: "staybase_reconciliation_differences_age_seconds",
            comparison: age("staybase_reconciliation_timestamp_seconds"),
          },
        },
      ],
      "Mail and webhooks": [
        {
          title: "Jobs added a second",
          unit: "short",
          queries: { "{{queue}}": rate("staybase_queue_jobs_total") },
        },
        {
          title: "Bounces an hour",
          unit: "short",
          queries: { bounces: "increase(staybase_mail_bounces_total[1h])" },
        },
        {
          title: "Delay of Stripe's events",
          unit: "s",
          queries: { lag: "staybase_stripe_event_lag_seconds" },
        },
      ],
    },
  },
  {
    uid: "staybase-operations",
    title: "Staybase: operations",
    rows: {
      "Requests (embedded gateway)": [
        {
          title: "Requests by route",
          unit: "reqps",
          queries: { "{{route}}": `sum by (route) (${rate("staybase_http_requests_total")})` },
        },
        {
          title: "Errors of the server by route",
          unit: "reqps",
          queries: { "{{route}}": `sum by (route) (${rate('staybase_http_requests_total{status="5xx"}')})` },
        },
        { title: "Median by route", unit: "s", queries: { "{{route}}": quantile(0.5) } },
        { title: "95th percentile by route", unit: "s", queries: { "{{route}}": quantile(0.95) } },
      ],
      "Background work": [
        { title: "Jobs", unit: "short", queries: { "{{queue}}": "staybase_queue_jobs" } },
        {
          title: "Longest wait for a worker",
          unit: "s",
          queries: {
            "{{queue}}": "staybase_queue_overdue_seconds",
            "Stripe tasks": "staybase_stripe_tasks_overdue_seconds",
          },
        },
        {
          title: "Oldest job, retries included",
          unit: "s",
          queries: { "{{queue}}": "staybase_queue_oldest_seconds" },
        },
        {
          title: "Failures an hour",
          unit: "short",
          queries: { jobs: "increase(staybase_job_failures_total[1h])" },
        },
        {
          title: "Dead",
          unit: "short",
          queries: { "{{queue}}": "staybase_queue_dead_jobs", "Stripe tasks": "staybase_stripe_tasks_dead" },
        },
        { title: "Stripe tasks due", unit: "short", queries: { tasks: "staybase_stripe_tasks_due" } },
        {
          title: "Missed runs of periodic tasks",
          unit: "short",
          queries: {
            "{{task}}": `(${age("staybase_task_run_timestamp_seconds")}) / staybase_task_every_seconds > 2`,
          },
        },
        {
          title: "Failed periodic tasks",
          unit: "short",
          queries: { "{{task}}": "staybase_task_failed > 0" },
        },
        {
          title: "Age of the metrics",
          unit: "s",
          queries: { age: age("staybase_metrics_timestamp_seconds") },
        },
      ],
      Database: [
        { title: "Size", unit: "bytes", queries: { size: "staybase_database_size_bytes" } },
        {
          title: "Blocks found in the cache",
          unit: "percentunit",
          queries: {
            share: `${rate("staybase_database_blocks_hit_total")} / (${rate("staybase_database_blocks_hit_total")} + ${rate("staybase_database_blocks_read_total")})`,
          },
        },
        {
          title: "Transactions a second",
          unit: "short",
          queries: {
            committed: rate("staybase_database_commits_total"),
            "rolled back": rate("staybase_database_rollbacks_total"),
          },
        },
        {
          title: "Connections",
          unit: "short",
          queries: { open: "staybase_database_connections", limit: "staybase_database_connections_limit" },
        },
        {
          title: "Waiting locks and deadlocks an hour",
          unit: "short",
          queries: {
            waiting: "staybase_database_locks_waiting",
            deadlocks: "increase(staybase_database_deadlocks_total[1h])",
          },
        },
        {
          title: "Oldest transaction",
          unit: "s",
          queries: { age: "staybase_database_oldest_transaction_seconds" },
        },
        {
          title: "Rows",
          unit: "short",
          queries: { live: "staybase_database_live_rows", dead: "staybase_database_dead_rows" },
        },
        {
          title: "Largest share of dead rows",
          unit: "percentunit",
          queries: { share: "staybase_database_dead_rows_ratio" },
        },
        {
          title: "Transaction ids in use",
          unit: "short",
          queries: { age: "staybase_database_transaction_age" },
        },
      ],
      "Replicas, archive, backups": [
        { title: "Replicas", unit: "short", queries: { replicas: "staybase_replicas" } },
        {
          title: "Delay of the slowest replica",
          unit: "s",
          queries: { delay: "staybase_replica_lag_seconds" },
        },
        {
          title: "Log that replicas have not applied, and that slots keep",
          unit: "bytes",
          queries: {
            "not applied": "staybase_replica_lag_bytes",
            kept: "staybase_replication_slot_retained_bytes",
          },
        },
        {
          title: "Archived files of the log an hour",
          unit: "short",
          queries: {
            archived: "increase(staybase_wal_archived_total[1h])",
            failures: "increase(staybase_wal_archive_failures_total[1h])",
          },
        },
        {
          title: "Archive fails",
          unit: "short",
          queries: { failing: "staybase_wal_archive_failing", enabled: "staybase_wal_archive_enabled" },
        },
        {
          title: "Age of the last archived file and of the last backup",
          unit: "s",
          queries: {
            archive: age("staybase_wal_archived_timestamp_seconds"),
            backup: age("staybase_backup_timestamp_seconds"),
          },
        },
      ],
    },
  },
];

/** The text of each dashboard's file, by its path in the project. */
function dashboardFiles(): Record<string, string> {
  return Object.fromEntries(
    dashboards.map((dashboard) => [
      join("ops", "grafana", `${dashboard.uid}.json`),
      `${JSON.stringify(modelOf(dashboard), null, 2)}\n`,
    ]),
  );
}

function modelOf({ uid, title, rows }: Dashboard): unknown {
  const dashboard = new DashboardBuilder(title)
    .uid(uid)
    .tags(["staybase"])
    .refresh("30s")
    .time({ from: "now-6h", to: "now" })
    .timezone("browser")
    .withVariable(new DatasourceVariableBuilder("datasource").type("prometheus"));
  for (const [row, panels] of Object.entries(rows)) {
    dashboard.withRow(new RowBuilder(row));
    for (const panel of panels) dashboard.withPanel(panelOf(panel));
  }
  return dashboard.build();
}

function panelOf({ title, unit, queries }: Panel): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title)
    .unit(unit)
    .min(0)
    .height(7)
    .span(8)
    .legend(new VizLegendOptionsBuilder().showLegend(true))
    .datasource({ type: "prometheus", uid: "$datasource" });
  for (const [legend, expression] of Object.entries(queries)) {
    panel.withTarget(new DataqueryBuilder().expr(expression).legendFormat(legend));
  }
  return panel;
}

/** Writes the files, and returns their paths. */
export function writeDashboards(root: string): string[] {
  const files = Object.entries(dashboardFiles());
  for (const [path, text] of files) writeFileSync(join(root, path), text);
  return files.map(([path]) => path);
}

/** The files that differ from what would be written. */
export function outdatedDashboards(root: string): string[] {
  const read = (path: string) => {
    try {
      return readFileSync(join(root, path), "utf8");
    } catch {
      return undefined;
    }
  };
  return Object.entries(dashboardFiles()).flatMap(([path, text]) => (read(path) === text ? [] : [path]));
}
