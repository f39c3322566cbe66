import { PolicyServiceService } from '#proto/namaskah/verification/v1/policy.ts';
import type * as proto from '#proto/namaskah/verification/v1/policy.ts';
import { allow, allowAny, type BoundService, grpcService, method, publicMethod } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import { pageLimit } from '#platform/postgres/index.ts';
import type { acknowledgeBlock } from '../../app/policy/acknowledge-block.ts';
import type { banNumber } from '../../app/policy/ban-number.ts';
import { invalid } from '../../app/policy/checks.ts';
import type { decideAbuseReport } from '../../app/policy/decide-abuse-report.ts';
import type { liftBan } from '../../app/policy/lift-ban.ts';
import type { AbuseReportView, listAbuseReports } from '../../app/policy/list-abuse-reports.ts';
import type { listBans } from '../../app/policy/list-bans.ts';
import type { listDecisions } from '../../app/policy/list-decisions.ts';
import type { KillSwitches, PolicyDecision } from '../../app/policy/ports.ts';
import type { PolicyView, readPolicy } from '../../app/policy/read-policy.ts';
import type { reportAbuse } from '../../app/policy/report-abuse.ts';
import type { setKycLevel } from '../../app/policy/set-kyc-level.ts';
import type { setServiceClass } from '../../app/policy/set-service-class.ts';
import type { setTenantLimits } from '../../app/policy/set-tenant-limits.ts';
import type { switchOff } from '../../app/policy/switch-off.ts';
import type { switchOn } from '../../app/policy/switch-on.ts';
import { currency } from '../../domain/catalogue.ts';
import type { OwnLimits } from '../../domain/policy/rules.ts';
import { fromLastId, toLastId } from './mapping.ts';

export interface PolicyUseCases {
  readonly readPolicy: ReturnType<typeof readPolicy>;
  readonly acknowledgeBlock: ReturnType<typeof acknowledgeBlock>;
  readonly setKycLevel: ReturnType<typeof setKycLevel>;
  readonly setTenantLimits: ReturnType<typeof setTenantLimits>;
  readonly setServiceClass: ReturnType<typeof setServiceClass>;
  readonly switchOff: ReturnType<typeof switchOff>;
  readonly switchOn: ReturnType<typeof switchOn>;
  readonly listSwitches: KillSwitches['list'];
  readonly listDecisions: ReturnType<typeof listDecisions>;
  readonly banNumber: ReturnType<typeof banNumber>;
  readonly liftBan: ReturnType<typeof liftBan>;
  readonly listBans: ReturnType<typeof listBans>;
  readonly reportAbuse: ReturnType<typeof reportAbuse>;
  readonly listAbuseReports: ReturnType<typeof listAbuseReports>;
  readonly decideAbuseReport: ReturnType<typeof decideAbuseReport>;
}

const ownLimitsMessage = (limits: OwnLimits): proto.OwnLimits => ({
  open: limits.maxOpen,
  openRentals: limits.maxOpenRentals,
  purchasesPerHour: limits.maxPurchasesPerHour,
  cancelsPerHour: limits.maxCancelsPerHour,
  spendPerDay: limits.maxSpendPerDayMicros === undefined ? undefined : money(currency, limits.maxSpendPerDayMicros),
});

const policyMessage = (view: PolicyView): proto.TenantPolicy => ({
  tenantId: view.tenantId,
  kycLevel: view.kycLevel,
  kycPurpose: view.kycPurpose,
  restrictedAllowed: view.restrictedAllowed,
  newAccountUntil: view.newAccountUntil,
  limits: {
    open: view.limits.maxOpen,
    openRentals: view.limits.maxOpenRentals,
    purchasesPerHour: view.limits.maxPurchasesPerHour,
    cancelsPerHour: view.limits.maxCancelsPerHour,
    spendPerDay: money(currency, view.limits.maxSpendPerDayMicros),
  },
  used: {
    open: view.counts.open,
    openRentals: view.counts.openRentals,
    purchasesPerHour: view.counts.purchasesPerHour,
    cancelsPerHour: view.counts.cancelsPerHour,
    spendPerDay: money(currency, view.counts.spentMicros),
  },
  outcomes: view.counts.outcomes,
  received: view.counts.paid,
  floorPercent: view.floor.percent,
  floorOutcomes: view.floor.outcomes,
  blockedUntil: view.blockedUntil,
  acknowledgementsLeft: view.acknowledgementsLeft,
  ownClasses: view.ownClasses.map((row) => ({ ...row })),
  ownLimits: ownLimitsMessage(view.ownLimits),
});

const decisionMessage = (line: PolicyDecision): proto.PolicyDecision => ({
  id: line.id,
  kind: line.kind,
  tenantId: line.tenantId ?? '',
  reason: line.reason,
  service: line.service ?? '',
  country: line.country ?? '',
  provider: line.provider ?? '',
  verificationId: line.verificationId ?? '',
  actor: line.actor ?? '',
  note: line.note,
  detailJson: JSON.stringify(line.detail),
  firstAt: line.firstAt,
  at: line.at,
  times: line.times,
});

const reportMessage = (report: AbuseReportView): proto.AbuseReport => ({
  id: report.id,
  status: report.status,
  category: report.category,
  phoneNumber: report.phoneNumber,
  description: report.description,
  contact: report.contact,
  happenedAt: report.happenedAt,
  receivedAt: report.receivedAt,
  verificationId: report.verificationId ?? '',
  tenantId: report.tenantId ?? '',
  decidedBy: report.decidedBy ?? '',
  decidedAt: report.decidedAt,
  note: report.note,
  leases: report.leases.map(({ verificationId, tenantId, service, leasedAt }) => ({ verificationId, tenantId, service, leasedAt })),
});

const toLimits = (limits: proto.OwnLimits | undefined): OwnLimits => {
  const { open, openRentals, purchasesPerHour, cancelsPerHour, spendPerDay } = limits ?? {};
  if (spendPerDay !== undefined && spendPerDay.currency !== currency) throw invalid('limits.maxSpendPerDay', `must be in ${currency}`);
  return {
    ...(open !== undefined && { maxOpen: open }),
    ...(openRentals !== undefined && { maxOpenRentals: openRentals }),
    ...(purchasesPerHour !== undefined && { maxPurchasesPerHour: purchasesPerHour }),
    ...(cancelsPerHour !== undefined && { maxCancelsPerHour: cancelsPerHour }),
    ...(spendPerDay !== undefined && { maxSpendPerDayMicros: spendPerDay.micros }),
  };
};

const read = allowAny({ scope: 'verifications:read' });
const write = allow('owner', 'admin', { scope: 'verifications:write' });
/** Those who run the platform; nobody of a tenant. */
const operators = allow('operator', 'system');

export const policyService = (policy: PolicyUseCases): BoundService => {
  const present = async (tenantId: string) => ({ policy: policyMessage(await policy.readPolicy(tenantId)) });
  return grpcService(PolicyServiceService, {
    getPolicy: method(read, (_request, { principal }) => present(principal.tenantId)),
    acknowledge: method(write, async (_request, { principal }) => {
      await policy.acknowledgeBlock(principal.tenantId, principal.subject);
      return present(principal.tenantId);
    }),
    getTenantPolicy: method(operators, ({ tenantId }) => present(tenantId)),
    setKycLevel: method(operators, async (request, { principal }) => {
      await policy.setKycLevel(principal.subject, request);
      return present(request.tenantId);
    }),
    setTenantLimits: method(operators, async ({ tenantId, limits, note }, { principal }) => {
      await policy.setTenantLimits(principal.subject, { tenantId, limits: toLimits(limits), note });
      return present(tenantId);
    }),
    setServiceClass: method(operators, async (request, { principal }) => {
      await policy.setServiceClass(principal.subject, request);
      return present(request.tenantId);
    }),
    switchOff: method(operators, async (request, { principal }) => ({ killSwitch: await policy.switchOff(principal.subject, request) })),
    switchOn: method(operators, async (request, { principal }) => {
      await policy.switchOn(principal.subject, request);
      return {};
    }),
    listKillSwitches: method(operators, async () => ({ killSwitches: [...(await policy.listSwitches())] })),
    listDecisions: method(operators, async ({ page, tenantId, kind }) => {
      const asked = { tenantId, kind, before: toLastId(page?.cursor), limit: pageLimit(page?.limit) };
      const { decisions, next } = await policy.listDecisions(asked);
      return { decisions: decisions.map(decisionMessage), nextCursor: fromLastId(next) };
    }),
    banNumber: method(operators, async (request, { principal }) => ({ ban: await policy.banNumber(principal.subject, request) })),
    liftBan: method(operators, async (request, { principal }) => {
      await policy.liftBan(principal.subject, request);
      return {};
    }),
    listBans: method(operators, async ({ page }) => {
      const { bans, next } = await policy.listBans({ before: toLastId(page?.cursor), limit: pageLimit(page?.limit) });
      return { bans: [...bans], nextCursor: fromLastId(next) };
    }),
    listAbuseReports: method(operators, async ({ page, status }) => {
      const asked = { status, before: toLastId(page?.cursor), limit: pageLimit(page?.limit) };
      const { reports, next } = await policy.listAbuseReports(asked);
      return { reports: reports.map(reportMessage), nextCursor: fromLastId(next) };
    }),
    decideAbuseReport: method(operators, async (request, { principal }) => ({
      report: reportMessage(await policy.decideAbuseReport(principal.subject, request)),
    })),
    // Anybody's word: it decides nothing, people do.
    reportAbuse: method(publicMethod(), async (request) => ({ id: await policy.reportAbuse(request) })),
  });
};
