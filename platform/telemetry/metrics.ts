/**
 * The table of every metric of the platform: name, kind, labels, buckets. A service may only use what stands here, so
 * dashboards, alerts and code are compared by a test. Base units (seconds, bytes), counters end in `_total`. Labels have few
 * values: never a tenant, a phone number or an id. Bucket edges sit on the objectives (300 ms, 5 s).
 */
interface Row<L extends readonly string[]> {
  readonly help: string;
  readonly labels: L;
}
export interface CounterRow<L extends readonly string[] = readonly string[]> extends Row<L> {
  readonly kind: 'counter';
}
export interface GaugeRow<L extends readonly string[] = readonly string[]> extends Row<L> {
  readonly kind: 'gauge';
}
export interface HistogramRow<L extends readonly string[] = readonly string[]> extends Row<L> {
  readonly kind: 'histogram';
  readonly buckets: readonly number[];
}
export type MetricRow = CounterRow | GaugeRow | HistogramRow;
export type MetricTable = Readonly<Record<string, MetricRow>>;

const counter = <const L extends readonly string[] = readonly []>(help: string, labels?: L): CounterRow<L> => ({
  kind: 'counter',
  help,
  labels: labels ?? ([] as unknown as L),
});
const gauge = <const L extends readonly string[] = readonly []>(help: string, labels?: L): GaugeRow<L> => ({
  kind: 'gauge',
  help,
  labels: labels ?? ([] as unknown as L),
});
const histogram = <const L extends readonly string[]>(help: string, buckets: readonly number[], labels: L): HistogramRow<L> => ({
  kind: 'histogram',
  help,
  labels,
  buckets,
});

const latencySeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10] as const;
const waitSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;
const sizes = [1, 2, 5, 10, 25, 50, 100, 250, 500] as const;

export const metricTable = {
  // HTTP and gRPC: rate, errors, duration
  http_server_duration_seconds: histogram('Duration of HTTP requests by route pattern.', latencySeconds, ['method', 'route', 'status']),
  http_server_in_flight: gauge('HTTP requests being served.'),
  http_client_duration_seconds: histogram('Duration of HTTP calls to the outside world.', latencySeconds, ['peer', 'operation', 'outcome']),
  rpc_server_duration_seconds: histogram(
    'Duration of gRPC calls at the server; code is OK or a code of the error catalogue.',
    latencySeconds,
    ['service', 'method', 'code'],
  ),
  rpc_server_in_flight: gauge('gRPC calls being served.'),
  rpc_server_lanes: gauge('Lanes that clients hold open.'),
  rpc_server_lane_calls_total: counter('gRPC calls that came over lanes; the others came by themselves.'),
  rpc_server_lane_messages_total: counter('Messages that carried them: calls by messages is how many share one.'),
  rpc_server_errors_total: counter('Failed gRPC calls by whose fault it is.', ['service', 'owner']),
  rpc_client_duration_seconds: histogram('Duration of gRPC calls at the client.', latencySeconds, ['service', 'method', 'code']),
  rate_limited_total: counter('Requests refused by a rate limit.', ['plan', 'limit']),

  // Process
  ready: gauge('1 when the process is ready.'),
  part_ready: gauge('1 when the part of the process is ready, as of the last probe.', ['part']),

  // PostgreSQL
  postgres_query_duration_seconds: histogram('Duration of statements.', latencySeconds, ['kind']),
  postgres_pool_connections: gauge('Connections of the pool.', ['state']),
  postgres_transaction_retries_total: counter('Transactions repeated after a serialisation failure or deadlock.'),

  // Outbox, consumers, dead letters
  outbox_pending: gauge('Rows that wait to be published.'),
  outbox_oldest_age_seconds: gauge('Age of the oldest unpublished row.'),
  outbox_parked: gauge('Rows that were given up and wait for an operator.'),
  outbox_published_total: counter('Published rows.', ['stream']),
  outbox_failures_total: counter('Failed attempts to publish.', ['stream']),
  outbox_publish_duration_seconds: histogram('From the attempt to the acknowledgement of one batch.', latencySeconds, []),
  outbox_delay_seconds: histogram('From the insert to the acknowledgement; of a batch, its oldest row.', waitSeconds, []),
  outbox_batch_rows: histogram('Rows per batch.', sizes, []),
  outbox_leader: gauge('1 in the process whose relay holds the lock.'),
  consumer_handled_total: counter('Deliveries by outcome: done, duplicate, retry, dead.', ['durable', 'outcome']),
  consumer_duration_seconds: histogram('Duration of handlers; of a batch as a whole, once for each of its subjects.', latencySeconds, [
    'durable',
    'subject',
  ]),
  consumer_delay_seconds: histogram('From the fact to its handling; of a batch, its oldest event.', waitSeconds, ['durable']),
  consumer_in_flight: gauge('Events being handled.', ['durable']),
  consumer_pending: gauge('Events that the stream holds for this consumer.', ['durable']),
  consumer_redeliveries_total: counter('Deliveries after the first.', ['durable']),
  consumer_batch_events: histogram('Events per batch.', sizes, ['durable']),
  consumer_dead_letters_total: counter('Events moved to the dead letters.', ['durable']),

  // Business
  registrations_total: counter('Registered tenants.'),
  sign_ins_total: counter('Sign-ins by outcome.', ['outcome']),
  token_checks_total: counter('Checks of API keys and access tokens.', ['kind', 'outcome']),
  verifications_total: counter('Verifications by service and the state they reached.', ['service', 'status']),
  verification_code_delay_seconds: histogram(
    'From the purchase of a number to its code.',
    [1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200],
    ['service'],
  ),
  verification_provider_requests_total: counter('Calls to number providers by outcome: yes, no, unknown.', [
    'provider',
    'operation',
    'outcome',
  ]),
  verification_route_decisions_total: counter(
    'Purchases by why the first provider was chosen, for example best, explored, probed or last_resort.',
    ['verdict'],
  ),
  verification_route_refusals_total: counter('Numbers that a provider refused, by reason.', ['provider', 'reason']),
  verification_provider_circuit: gauge('Circuit of a provider: 0 closed, 1 half-open, 2 open.', ['provider']),
  verification_provider_drift_amount: gauge(
    'What of the balance of our account at a provider nobody can explain, in its currency; below zero: money is missing.',
    ['provider'],
  ),
  verification_provider_drift_limit_amount: gauge('What of it may be left over, by data/market.json.', ['provider']),
  verification_provider_balance: gauge('What our account at a provider holds, in its currency, as last read.', ['provider']),
  verification_batches_total: counter('Bulk orders by the state they ended in.', ['status']),
  verification_unknown: gauge('Purchases whose outcome at the provider is not known yet.'),
  verification_codes_read_total: counter('Messages by the rule that found their code; none: there is none that is sure.', ['rule']),
  verification_late_codes_total: counter('Messages that came after the money went back.', ['provider']),
  verification_late_code_decisions_total: counter('Late codes by what became of them: shown, charged, or why they stay hidden.', [
    'outcome',
  ]),
  verification_leaks_total: counter('Activations that the provider may charge and no customer pays.', ['provider']),
  verification_provider_settlements_total: counter(
    'Activations without a code by what the provider did with our money, and the proof of it.',
    ['provider', 'outcome', 'evidence'],
  ),
  verification_provider_lost_amount_total: counter('What providers keep and no customer pays, in units of the currency of costs.', [
    'provider',
  ]),
  verification_provider_strays_total: counter(
    'Numbers that a provider has as active and that are not, by what was done: claim, reopen, finish.',
    ['provider', 'measure'],
  ),
  verification_provider_claims_open: gauge('Activations without a code about which the provider is still being asked.', ['provider']),
  holds_total: counter('Holds by what happened: placed, captured, released, expired, refused.', ['product', 'event']),
  holds_open: gauge('Holds that are not resolved.'),
  uncollected_total: counter('Deliveries on holds that could not pay for them.', ['product']),
  ledger_imbalance_micros: gauge('Sum of all ledger entries without sign, as of the newest audit; anything but 0 is an incident.'),
  ledger_divergences: gauge('Laws of the books that were broken in the newest audit; anything but 0 is an incident.'),
  ledger_verified_timestamp_seconds: gauge('When the newest audit of the books ended, Unix time.'),
  payments_total: counter('Payments by gateway and state.', ['gateway', 'status']),
  payment_refunds_total: counter('Refunds of payments by gateway, cause and state.', ['gateway', 'cause', 'status']),
  payment_disputes_total: counter('Disputes by gateway and what was heard: opened, won, lost.', ['gateway', 'outcome']),
  payment_statement_findings: gauge("Differences between a gateway's statement and the books, over the newest seven days compared.", [
    'gateway',
  ]),
  payment_statement_compared_timestamp_seconds: gauge("When a gateway's statement was last compared with the books, Unix time.", [
    'gateway',
  ]),
  payment_webhooks_total: counter('Payment notifications by outcome.', ['gateway', 'outcome']),
  subscription_changes_total: counter(
    'Subscriptions by what happened: plan_changed, renewed, payment_failed, ended; granted: by an operator.',
    ['fact'],
  ),
  usage_events_total: counter('Metered usage events by outcome: accepted, duplicate, rejected.', ['source', 'outcome']),
  usage_charges_total: counter('Attempts to charge usage by outcome: charged, owed, lost.', ['outcome']),
  usage_alerts_total: counter('Crossings of usage, budget and balance alerts.'),
  usage_reports_total: counter('Batches of counted API requests by outcome: acknowledged, failed.', ['outcome']),
  campaigns_total: counter('Campaigns by the state they reached.', ['status']),
  campaign_messages_total: counter('Messages by state.', ['status']),
  campaign_segments_total: counter('Submitted segments.'),
  campaign_submit_duration_seconds: histogram('From submit_sm to its response.', latencySeconds, ['outcome']),
  campaign_queue: gauge('Messages that wait to be submitted.'),
  campaign_opt_outs_total: counter('Contacts that opted out.', ['source']),
  smpp_bound: gauge('1 while the SMPP session is bound.'),
  analytics_events_total: counter('Events projected.', ['stream']),
  analytics_lag_seconds: gauge('Age of the newest projected event.', ['stream']),
  notifications_total: counter('Mails by kind and outcome.', ['kind', 'outcome']),
  webhook_attempts_total: counter('Requests to customers by outcome: delivered, gone, status, timeout, dns, address, tls, connection.', [
    'outcome',
  ]),
  webhook_attempt_duration_seconds: histogram('Duration of requests to customers.', latencySeconds, ['outcome']),
  webhook_postponed_total: counter('First attempts put off because number and code could not be had.'),
  webhook_deliveries_total: counter('Webhook deliveries that ended: delivered, failed.', ['status']),
  webhook_endpoints_disabled_total: counter('Endpoints that were switched off: gone, failing.', ['reason']),
  webhook_oldest_due_seconds: gauge('How long the oldest webhook delivery that is due has waited for a worker.'),
  realtime_clients: gauge('Open WebSocket and SSE connections.', ['transport']),
  realtime_messages_total: counter('Messages pushed to browsers.', ['transport']),
  realtime_ended_total: counter('Streams that ended, by reason; gone: the client left.', ['transport', 'reason']),
  realtime_delay_seconds: histogram('From the fact to its writing into an open stream.', latencySeconds, ['transport']),
} as const satisfies MetricTable;
