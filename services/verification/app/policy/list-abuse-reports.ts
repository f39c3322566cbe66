import type { Sealer } from '../ports.ts';
import { invalid } from './checks.ts';
import { type AbuseReport, type AbuseReports, abuseStatuses, type Lease } from './ports.ts';
import { abuseContext, type AbuseDetails } from './report-abuse.ts';

export interface AbuseReportView extends Omit<AbuseReport, 'sealed' | 'numberHash'>, AbuseDetails {
  /** Who had the number last, by service: what the report can be about. */
  readonly leases: readonly Lease[];
}

export interface AbuseReportPage {
  readonly reports: readonly AbuseReportView[];
  readonly next: string | undefined;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Of a report whose key was destroyed. */
const gone: AbuseDetails = { phoneNumber: '', description: '', contact: '' };

export const viewReports = async (
  { reports, sealer }: { readonly reports: Pick<AbuseReports, 'leases'>; readonly sealer: Sealer },
  rows: readonly AbuseReport[],
): Promise<readonly AbuseReportView[]> => {
  const leases = rows.length === 0 ? [] : await reports.leases(rows.map(({ numberHash }) => numberHash));
  const view = async ({ sealed, numberHash, ...row }: AbuseReport): Promise<AbuseReportView> => {
    const details = await sealer.open(sealed, abuseContext(row.id));
    return {
      ...row,
      ...(details === undefined ? gone : (JSON.parse(details) as AbuseDetails)),
      leases: leases.filter((lease) => hex(lease.numberHash) === hex(numberHash)),
    };
  };
  return Promise.all(rows.map(view));
};

/** What was reported, newest first, with the activations that it can be about. For operators. @throws request.invalid on status */
export const listAbuseReports =
  (parts: { readonly reports: AbuseReports; readonly sealer: Sealer }) =>
  async (query: { status: string; before: string | undefined; limit: number }): Promise<AbuseReportPage> => {
    const status = abuseStatuses.find((known) => known === query.status);
    if (status === undefined && query.status !== '') throw invalid('status', `must be one of ${abuseStatuses.join(', ')}`);
    const rows = await parts.reports.list({ status, before: query.before, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    return { reports: await viewReports(parts, page), next: rows.length > query.limit ? page.at(-1)?.id : undefined };
  };
