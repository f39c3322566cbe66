/** The statements of routing. */
const share = `power(0.5::float8, least(60, greatest(0, extract(epoch from excluded.as_of - t.as_of)::float8 * 1000 / $13::float8)))`;

/** What hardly counts any more becomes 0: a double must not underflow, and 0.5^60 is nothing already. */
const agedAndAdded = (field: string): string =>
  `case when t.${field} * ${share} < 1e-9 then 0 else t.${field} * ${share} end + excluded.${field}`;

const tallies = ['granted', 'refused', 'unknown', 'codes', 'misses', 'ln_latency_ms', 'cost_micros'] as const;

/**
 * $1–$4 the routes, $5–$11 their tallies, $12 now, $13 the half-life in ms, $14 the hour, $15 latencies as JSON arrays.
 * Rows in one order, so that two replicas cannot deadlock.
 */
export const recordSql = `
with seen as (
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], ${tallies.map((_, index) => `$${index + 5}::float8[]`).join(', ')}, $15::jsonb[])
    as s (provider, service, country, operator, ${tallies.join(', ')}, latencies)
), cells as (
  insert into route_tallies as t (provider, service, country, operator, ${tallies.join(', ')}, as_of, changed_at)
  select provider, service, country, operator, ${tallies.join(', ')}, $12::timestamptz, now() from seen order by 1, 2, 3, 4
  on conflict (provider, service, country, operator) do update set
    ${tallies.map((field) => `${field} = ${agedAndAdded(field)}`).join(',\n    ')},
    as_of = greatest(t.as_of, excluded.as_of), changed_at = now()
)
insert into route_hours as h (hour, service, country, provider, granted, refused, unknown, codes, misses, latencies)
select $14::timestamptz, service, country, provider, sum(granted)::int, sum(refused)::int, sum(unknown)::int, sum(codes)::int, sum(misses),
  (select array_agg(total order by place) from (
    select place, sum(count::int)::int as total from seen one, jsonb_array_elements_text(one.latencies) with ordinality as e (count, place)
    where (one.service, one.country, one.provider) = (seen.service, seen.country, seen.provider) group by place) as summed)
from seen group by service, country, provider order by 2, 3, 4
on conflict (hour, service, country, provider) do update set
  granted = h.granted + excluded.granted, refused = h.refused + excluded.refused, unknown = h.unknown + excluded.unknown,
  codes = h.codes + excluded.codes, misses = h.misses + excluded.misses,
  latencies = (select array_agg(a + b order by place) from unnest(h.latencies, excluded.latencies) with ordinality as both_ (a, b, place))`;

/** Where one look ends the next begins, a little earlier: what was being written then is not missed, and learning twice is harmless. */
export const horizonSql = `select now() - interval '20 seconds' as until`;
export const cellNewsSql = `select * from route_tallies where changed_at >= $1`;
export const offerNewsSql = `select provider, country, service, cost_micros, stock from market_offers where changed_at >= $1`;

/** Providers that operators have switched off for policy: nobody is to be sent there, only to be refused. */
export const switchedOffSql = `select target as provider, set_by, set_at, reason from policy_switches where scope = 'provider'`;

/** Every hour that reaches into the time since: a day is up to an hour longer than a day. */
export const daySql = `
with hours as materialized (
  select service, country, codes, misses, latencies from route_hours where hour > $1::timestamptz - interval '1 hour'
), sums as (
  select service, country, sum(codes)::float8 as codes, sum(misses) as misses from hours group by service, country
), places as (
  select service, country, place, sum(count)::int as count
  from hours, unnest(latencies) with ordinality as bucket (count, place) group by service, country, place
), histograms as (
  select service, country, array_agg(count order by place) as latencies from places group by service, country
)
select service, country, codes, misses, latencies from sums join histograms using (service, country)
order by service collate "C", country collate "C"`;

export const publishCircuitSql = `
insert into provider_states as p (provider, circuit, version) values ($1, $2::jsonb, $3 + 1)
on conflict (provider) do update set circuit = excluded.circuit, version = p.version + 1 where p.version = $3
returning version`;

export const pauseSql = `
insert into provider_states (provider, paused_at, paused_by, pause_note) values ($1, $2, $3, $4)
on conflict (provider) do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by, pause_note = excluded.pause_note`;
