import type { FieldViolation } from '#platform/errors/index.ts';
import { dayMs } from '#platform/time/index.ts';
import { isFilter } from './event-types.ts';

/** user: switched off by hand. gone: it answered 410. failing: nothing but failures for days. plan: beyond what the plan has. */
export type DisabledReason = '' | 'user' | 'gone' | 'failing' | 'plan';

export interface Endpoint {
  readonly id: string;
  readonly tenantId: string;
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
  readonly enabled: boolean;
  readonly disabledReason: DisabledReason;
  /** Since when nothing but failures; undefined while it works. */
  readonly failingSince: Date | undefined;
  /** Until then the secret of before signs too. */
  readonly previousSecretUntil: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const limits = new Map([
  ['starter', 0],
  ['pro', 5],
  ['enterprise', 20],
]);
/** How many endpoints a plan has; a plan that nobody knows has none. */
export const endpointLimit = (plan: string): number => limits.get(plan) ?? 0;

/** Those that are switched off included. */
export const maxEndpoints = 100;
const maxFilters = 50;
const maxUrlLength = 2_048;
const maxDescriptionLength = 200;
/** An endpoint that has done nothing but fail for so long is switched off. */
export const failingForMs = 5 * dayMs;
export const maxOverlapMs = 7 * dayMs;

export interface UrlPolicy {
  /** Plain http to this very machine, for development; never in production. */
  readonly allowHttpLoopback: boolean;
}

const loopbackHosts: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
export const isLoopbackUrl = ({ protocol, hostname }: URL): boolean => protocol === 'http:' && loopbackHosts.has(hostname);

/** Ports of mail, databases and the like are not for us to speak HTTP to; what runs unprivileged is the customer's matter. */
const isPortAllowed = (port: string): boolean => port === '' || port === '443' || Number(port) >= 1024;

/** @returns what is wrong with a URL, or undefined. Where its name leads is judged at every connection, not here. */
export const urlProblem = (text: string, { allowHttpLoopback }: UrlPolicy): string | undefined => {
  if (text.length > maxUrlLength) return `must have at most ${maxUrlLength} characters`;
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (allowHttpLoopback && isLoopbackUrl(url)) return undefined;
  if (url.protocol !== 'https:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password';
  if (url.hash !== '') return 'must not contain a fragment';
  if (!isPortAllowed(url.port)) return 'must use port 443 or one from 1024';
  return undefined;
};

export interface EndpointWish {
  readonly url?: string | undefined;
  readonly description?: string | undefined;
  readonly eventTypes?: readonly string[] | undefined;
}

const filterProblems = (eventTypes: readonly string[]): readonly FieldViolation[] => {
  if (eventTypes.length === 0) return [{ field: 'eventTypes', reason: 'must name at least one type' }];
  if (eventTypes.length > maxFilters) return [{ field: 'eventTypes', reason: `must have at most ${maxFilters} entries` }];
  return eventTypes.flatMap((filter, index) =>
    isFilter(filter) ? [] : [{ field: `eventTypes[${index}]`, reason: 'is no event type; see GET /v2/webhook-event-types' }],
  );
};

/** Everything that is wrong with what is given; what is absent is not judged. */
export const endpointProblems = ({ url, description, eventTypes }: EndpointWish, policy: UrlPolicy): readonly FieldViolation[] => {
  const urlReason = url === undefined ? undefined : urlProblem(url, policy);
  return [
    ...(urlReason === undefined ? [] : [{ field: 'url', reason: urlReason }]),
    ...((description ?? '').length > maxDescriptionLength
      ? [{ field: 'description', reason: `must have at most ${maxDescriptionLength} characters` }]
      : []),
    ...(eventTypes === undefined ? [] : filterProblems(eventTypes)),
  ];
};
