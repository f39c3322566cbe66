import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Sealer } from '../ports.ts';
import { invalid, requireNote } from './checks.ts';
import { type AbuseReportView, viewReports } from './list-abuse-reports.ts';
import type { AbuseReport, AbuseReports, AbuseStatus } from './ports.ts';

const outcomes: Readonly<Record<string, AbuseStatus>> = { freeze: 'frozen', uphold: 'upheld', dismiss: 'dismissed' };

/** Of two decisions at once one is first; the other one is told so, or, being the same, is answered as the first. */
const turns = 3;

/**
 * freeze: the activation shows nothing and receives nothing while it is looked into. uphold: for good. dismiss: nothing was wrong, the
 * activation thaws. The last two are final. An activation is named by freeze, and by uphold where none was frozen before; it must
 * have had the reported number. @throws request.not_found, request.invalid naming the field, verification.report_decided
 */
export const decideAbuseReport =
  (parts: { readonly reports: AbuseReports; readonly sealer: Sealer; readonly clock: Clock }) =>
  async (actor: string, request: { id: string; decision: string; verificationId: string; note: string }): Promise<AbuseReportView> => {
    const { reports, clock } = parts;
    const status = outcomes[request.decision];
    if (status === undefined) throw invalid('decision', `must be one of ${Object.keys(outcomes).join(', ')}`);
    const note = requireNote(request.note);
    for (let turn = 0; turn < turns; turn++) {
      const report = isUuid(request.id) ? await reports.find(request.id) : undefined;
      if (!report) throw appError('request.not_found');
      if (report.status === status && report.decidedBy === actor) return view(parts, report);
      if (report.status === 'upheld' || report.status === 'dismissed') throw appError('verification.report_decided');
      const target = await targetOf(reports, report, status, request.verificationId);
      const at = clock.now();
      const to: AbuseReport = { ...report, ...target, status, decidedBy: actor, decidedAt: at, note };
      if (await reports.decide(report, to, status !== 'dismissed', { actor, note, at })) return view(parts, to);
    }
    throw appError('verification.report_decided');
  };

const view = async (parts: Parameters<typeof viewReports>[0], report: AbuseReport): Promise<AbuseReportView> => {
  const [seen] = await viewReports(parts, [report]);
  if (!seen) throw new Error('a report has a view');
  return seen;
};

type Target = Pick<AbuseReport, 'verificationId' | 'tenantId'>;

const targetOf = async (reports: AbuseReports, report: AbuseReport, status: AbuseStatus, wanted: string): Promise<Target> => {
  if (wanted === '' || wanted === report.verificationId) {
    if (status === 'frozen' && report.verificationId === undefined) throw invalid('verificationId', 'is needed to freeze an activation');
    return { verificationId: report.verificationId, tenantId: report.tenantId };
  }
  if (report.verificationId !== undefined) throw invalid('verificationId', 'another activation is frozen by this report');
  if (status === 'dismissed') throw invalid('verificationId', 'a dismissed report is about no activation');
  const lease = (await reports.leases([report.numberHash])).find(({ verificationId }) => verificationId === wanted);
  if (!lease) throw invalid('verificationId', 'is no activation that had this number last');
  return { verificationId: lease.verificationId, tenantId: lease.tenantId };
};
